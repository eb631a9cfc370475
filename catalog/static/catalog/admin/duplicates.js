// Keyboard shortcuts of the duplicates page.
"use strict";
(() => {
  const groups = [...document.querySelectorAll("#groups article")];
  const keys = document.querySelector(".keys");
  document.body.classList.add("live");
  if (!groups.length) return;
  const actions = { Enter: "Enter", a: "Enter", x: "x", s: "s" };
  let current = -1;

  function choose(index, focus = true) {
    if (current >= 0) groups[current].classList.remove("current");
    current = Math.min(groups.length - 1, Math.max(0, index));
    groups[current].classList.add("current");
    if (!focus) return;
    groups[current].focus({ preventScroll: true });
    const reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    groups[current].scrollIntoView({ block: "nearest", behavior: reduced ? "auto" : "smooth" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "j") choose(current + 1);
    else if (event.key === "k") choose(current - 1);
    else if (event.key === "?") keys.open = !keys.open;
    else if (event.key === "Escape") keys.open = false;
    // Holding a key down must not decide several groups.
    else if (event.repeat) return;
    // Enter on a button or link presses that one.
    else if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    else if (event.key in actions) groups[current].querySelector(`[data-key=${actions[event.key]}]`)?.click();
    else if (/^[1-9]$/.test(event.key)) {
      const radio = groups[current].querySelectorAll("input[name=keep]")[Number(event.key) - 1];
      if (radio) radio.checked = true;
    } else return;
    event.preventDefault();
  });
  for (const [index, group] of groups.entries()) {
    group.addEventListener("focusin", () => index !== current && choose(index, false));
  }
  const linked = () => groups.findIndex((group) => `#${group.id}` === window.location.hash);
  choose(Math.max(0, linked()), linked() >= 0);
  window.addEventListener("hashchange", () => linked() >= 0 && choose(linked()));
})();
