// Keyboard shortcuts and tick counts of the review queue, and the move to the next card after a decision.
"use strict";
(() => {
  const queue = document.getElementById("queue");
  document.body.classList.add("live");
  const search = document.querySelector(".queue-filter input[type=search]");
  const keys = document.querySelector(".keys");
  const status = document.getElementById("queue-status");
  const more = document.getElementById("queue-more");
  const undoForm = document.getElementById("undo");

  const openCards = () => (queue ? [...queue.querySelectorAll("article[data-open]")] : []);
  const current = () => queue && queue.querySelector("article.current");

  function choose(card, { scroll = true, focus = true } = {}) {
    for (const other of queue.querySelectorAll("article.current")) other.classList.remove("current");
    if (!card) return;
    card.classList.add("current");
    if (focus) card.focus({ preventScroll: true });
    if (scroll) {
      const reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      card.scrollIntoView({ block: "nearest", behavior: reduced ? "auto" : "smooth" });
    }
  }

  function step(by) {
    const cards = openCards();
    const at = cards.indexOf(current());
    // From a decided card, go to the first open card below it.
    if (at < 0) return choose(nextOpen(current()) || cards[0]);
    choose(cards[Math.min(cards.length - 1, Math.max(0, at + by))]);
  }

  function nextOpen(after) {
    const cards = openCards();
    if (!after) return cards[0];
    return (
      cards.find((card) => after.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING) ||
      cards[cards.length - 1]
    );
  }

  // Unticked genres are rejected when the others are accepted. The button's label says so.
  function nameButton(card) {
    const boxes = [...card.querySelectorAll("input[name=keep]")];
    const kept = boxes.filter((box) => box.checked).length;
    for (const box of boxes) box.closest(".genre").classList.toggle("dropped", !box.checked);
    const verb = card.querySelector(".card-verb");
    if (!verb) return;
    if (kept === boxes.length) verb.textContent = "Accept all";
    else if (kept === 0) verb.textContent = "Accept none";
    else verb.textContent = `Accept ${kept}, reject ${boxes.length - kept}`;
  }

  // As in focus mode. Without this script the boxes are hidden, and all genres are accepted.
  function tickInAdvance(card) {
    for (const box of card.querySelectorAll("input[name=keep]")) box.checked = box.hasAttribute("data-tick");
    nameButton(card);
  }

  function countTicks() {
    const boxes = [...document.querySelectorAll("input[name=movie][form=bulk]")];
    const ticked = boxes.filter((box) => box.checked).length;
    const all = document.getElementById("tick-all");
    document.getElementById("ticked-count").textContent = `${ticked} ticked`;
    all.checked = boxes.length > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    for (const button of document.querySelectorAll("#bulk button")) button.disabled = ticked === 0;
  }

  function press(card, key) {
    const target = card.querySelector(`[data-key=${key}]`);
    if (!target) return;
    // A click, not requestSubmit: htmx takes the pressed button's name and value from the click.
    target.click();
  }

  function toggle(card, digit) {
    const box = card.querySelectorAll("input[name=keep]")[digit - 1];
    if (!box) return;
    box.checked = !box.checked;
    nameButton(card);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const field = event.target.closest("input, select, textarea, [contenteditable]");
    if (field && !["checkbox", "submit", "button"].includes(field.type)) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const card = current();
    const open = card && card.hasAttribute("data-open") && !card.querySelector(".htmx-request") ? card : null;
    if (event.key === "/" && search) search.focus();
    else if (event.key === "u" && !event.repeat && undoForm) undoForm.requestSubmit();
    else if (event.key === "g") document.getElementById("to-focus").click();
    else if (event.key === "?" && keys) keys.open = !keys.open;
    else if (event.key === "Escape" && keys) keys.open = false;
    else if (event.key === "n" && more) more.querySelector("a").click();
    else if (!queue) return;
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    // Holding a key down must not decide several cards.
    else if (event.repeat || !open) return;
    else if (["a", "x", "e"].includes(event.key)) press(open, event.key);
    else if (event.key === "t") {
      const box = open.querySelector("input[name=movie]");
      box.checked = !box.checked;
      countTicks();
    } else if (event.key === "h") {
      open.dispatchEvent(new CustomEvent("heat:next", { bubbles: true }));
    } else if (/^[1-9]$/.test(event.key)) toggle(open, Number(event.key));
    else return;
    event.preventDefault();
  });

  if (!queue) return;

  queue.addEventListener("change", (event) => {
    if (event.target.name === "keep") nameButton(event.target.closest("article"));
    if (event.target.name === "movie") countTicks();
  });
  queue.addEventListener("focusin", (event) => {
    const card = event.target.closest("article[data-open]");
    if (card && card !== current()) choose(card, { scroll: false, focus: false });
  });
  document.getElementById("tick-all").addEventListener("change", (event) => {
    for (const box of document.querySelectorAll("input[name=movie][form=bulk]")) box.checked = event.target.checked;
    countTicks();
  });

  // Where the card was that is being replaced: the next one takes its place, so that nothing else moves.
  let place = 0;

  // After the session ended, the response is the login page, which must not be shown in a card.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const path = new URL(event.detail.xhr.responseURL || window.location.href).pathname;
    if (path !== event.detail.requestConfig.path) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
    place = event.target.getBoundingClientRect().top;
  });
  // Not afterSwap, because htmx may restore the old card's classes until it has settled.
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.nodeName !== "ARTICLE") return;
    status.textContent = "";
    const card = event.target;
    if (card.hasAttribute("data-open")) {
      tickInAdvance(card);
      choose(card, { scroll: false });
    } else {
      const next = nextOpen(card);
      // Only the last one is a line of its own, and what somebody else has decided.
      for (const other of queue.querySelectorAll("article.decided")) other.hidden = other !== card && !other.querySelector(".late");
      const decided = queue.querySelectorAll("article.decided").length;
      document.getElementById("decided-count").textContent = `${decided} decided ·`;
      choose(next, { scroll: false });
      if (next) window.scrollBy({ top: next.getBoundingClientRect().top - place, behavior: "instant" });
      if (!next) {
        more.hidden = false;
        more.querySelector("a").focus();
      }
    }
    countTicks();
  });
  const showError = (reason) => {
    status.textContent = `${reason} Nothing was saved for this movie. Try again.`;
    status.scrollIntoView({ block: "nearest" });
  };
  document.body.addEventListener("htmx:responseError", (event) => {
    const code = event.detail.xhr.status;
    showError(code === 403 ? "You do not have permission to review." : `The server responded with error ${code}.`);
  });
  document.body.addEventListener("htmx:sendError", () => showError("The server cannot be reached."));
  document.body.addEventListener("htmx:timeout", () => showError("The server took too long."));

  for (const card of openCards()) tickInAdvance(card);
  countTicks();
  choose(openCards()[0], { scroll: false, focus: !document.activeElement || document.activeElement === document.body });
})();
