// Keyboard of the wall of posters: arrows move, x excludes; Space does so by itself.
"use strict";
(() => {
  const form = document.getElementById("acceptance");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=excluded]")];
  const text = document.getElementById("acceptance-text");

  function columns() {
    const top = (box) => box.closest("li").offsetTop;
    const count = boxes.findIndex((box) => top(box) !== top(boxes[0]));
    return count < 0 ? boxes.length : count;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const field = event.target.closest("input, select, textarea");
    if (field && field.type !== "checkbox") return;
    const at = boxes.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() };
    if (event.key in steps) {
      // Without a chosen poster, the arrows scroll the page.
      if (at < 0 && event.key !== "ArrowRight") return;
      const next = boxes[at < 0 ? 0 : at + steps[event.key]];
      if (next) {
        next.focus({ preventScroll: true });
        next.closest("li").scrollIntoView({ block: "nearest" });
      }
    } else if (event.key === "x" && at >= 0 && !event.repeat) boxes[at].click();
    // Enter in a checkbox would submit the form.
    else if (event.key !== "Enter" || at < 0) return;
    event.preventDefault();
  });

  // After the session ended, the response is the login page.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const asked = new URL(event.detail.requestConfig.path, window.location.href).pathname;
    if (new URL(event.detail.xhr.responseURL || window.location.href).pathname !== asked) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => {
      text.textContent = "What you excluded could not be stored yet. It will be with the next change or page.";
    });
  }
})();
