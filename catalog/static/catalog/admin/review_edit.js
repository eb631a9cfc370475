// Edit page: Escape goes back, Ctrl+Enter saves, and the first genre has the focus.
"use strict";
(() => {
  const form = document.getElementById("edit-form");
  const back = form.querySelector(".closelink");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back.click();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const first = form.querySelector("input[name=genres]:checked") || form.querySelector("input[name=genres]");
  if (first) first.focus({ preventScroll: true });
})();
