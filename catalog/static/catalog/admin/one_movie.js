// Keyboard of the pages that show one movie: a key presses the button or link that names it.
"use strict";
(() => {
  document.body.classList.add("live");
  const shortcuts = new Map();
  for (const each of document.querySelectorAll("[data-key]")) shortcuts.set(each.dataset.key, each);
  document.addEventListener("keydown", (event) => {
    // Holding a key down must not decide several movies.
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const field = event.target.closest("input, select, textarea");
    if (field && field.type !== "checkbox" && field.type !== "radio") return;
    const link = event.key === "o" && document.querySelector("[data-open] a");
    if (link) window.open(link.href, "_blank", "noopener");
    // On a field or a button, Enter does what it always does.
    const key = event.key === "Enter" && event.target === document.body ? "a" : event.key;
    const found = shortcuts.get(key);
    if (!found) return;
    event.preventDefault();
    found.click();
  });
  // A page from the browser's history may show a movie that was decided since.
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
})();
