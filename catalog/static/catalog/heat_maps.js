// Heat maps over posters: pointing or focusing shows one, pressing keeps it. Without this, an eye links to a page.
"use strict";
(() => {
  // A pointer on its way elsewhere asks for nothing.
  const PATIENCE_MS = 120;
  const answers = new Map();
  const looking = new WeakMap();
  let soon = 0;
  const status = document.createElement("p");
  status.className = "heat-status";
  status.setAttribute("role", "status");
  document.body.append(status);

  const eyeAt = (target) => (target instanceof Element ? target.closest("[data-heat]") : null);
  const scopeOf = (eye) => eye.closest("[data-heat-scope]");
  const frameOf = (scope) => scope && scope.querySelector("[data-heat-frame]");
  // The words have a place of their own, so that they cover nothing and move nothing.
  const wordsOf = (scope) => scope.querySelector("[data-heat-words]");
  const eyesOf = (scope) => [...scope.querySelectorAll("[data-heat]")];
  const isPressed = (eye) => eye.getAttribute("aria-pressed") === "true";

  function prepare(root) {
    for (const eye of root.querySelectorAll("[data-heat]:not([aria-pressed])")) {
      if (!frameOf(scopeOf(eye))) continue;
      eye.setAttribute("role", "button");
      eye.setAttribute("aria-pressed", "false");
    }
  }

  function ask(eye) {
    const address = eye.getAttribute("href").replace(/\/$/, ".json");
    if (!answers.has(address)) {
      const answer = fetch(address, { headers: { Accept: "application/json" } }).then((response) => {
        // 404 with JSON says why there is no map.
        if (!response.ok && response.status !== 404) throw new Error(`${response.status}`);
        return response.json();
      });
      answers.set(address, answer);
      // What fails now may work later.
      answer.then((told) => told.problem && answers.delete(address)).catch(() => answers.delete(address));
    }
    return answers.get(address);
  }

  function image(source, words, poster) {
    const made = new Image(poster.width, poster.height);
    made.alt = words;
    made.src = source;
    return made;
  }

  function layerOf(told, shown) {
    const layer = document.createElement("div");
    layer.className = "heat-layer";
    if (told.poster.sha256 !== shown) {
      layer.append(image(told.poster.url, "The earlier poster that this was suggested from", told.poster));
    }
    layer.append(image(told.overlay, told.sentence, told.poster));
    return layer;
  }

  async function show(eye) {
    const scope = scopeOf(eye);
    const frame = frameOf(scope);
    if (!frame || looking.get(scope) === eye) return;
    looking.set(scope, eye);
    let told;
    try {
      told = await ask(eye);
    } catch {
      told = { problem: "The heat map cannot be had just now; try again." };
    }
    // By now something else may be looked at, or the card be gone.
    if (looking.get(scope) !== eye || !scope.isConnected) return;
    clear(scope);
    const shown = frame.dataset.heatFrame;
    if (!told.problem) frame.append(layerOf(told, shown));
    const earlier = !told.problem && told.poster.sha256 !== shown ? " (on an earlier poster)" : "";
    wordsOf(scope).textContent = (told.problem || told.caption) + earlier;
    status.textContent = told.problem || told.sentence;
  }

  function clear(scope) {
    for (const layer of scope.querySelectorAll(".heat-layer")) layer.remove();
    wordsOf(scope).textContent = "";
  }

  function hide(scope) {
    looking.delete(scope);
    if (frameOf(scope)) clear(scope);
    status.textContent = "";
  }

  // What stays when nothing is pointed at: the map that is kept, or none.
  function rest(scope) {
    clearTimeout(soon);
    const kept = eyesOf(scope).find(isPressed);
    if (kept) show(kept);
    else hide(scope);
  }

  function keep(scope, eye) {
    for (const other of eyesOf(scope)) {
      if (other.hasAttribute("aria-pressed")) other.setAttribute("aria-pressed", String(other === eye));
    }
    rest(scope);
  }

  const press = (eye) => keep(scopeOf(eye), isPressed(eye) ? null : eye);

  document.addEventListener("pointerover", (event) => {
    const eye = eyeAt(event.target);
    if (!eye || event.pointerType !== "mouse") return;
    clearTimeout(soon);
    soon = setTimeout(() => eye.isConnected && show(eye), PATIENCE_MS);
  });
  document.addEventListener("pointerout", (event) => {
    const eye = eyeAt(event.target);
    if (!eye || event.pointerType !== "mouse" || eye.contains(event.relatedTarget)) return;
    const scope = scopeOf(eye);
    if (scope) rest(scope);
  });
  document.addEventListener("focusin", (event) => {
    const eye = eyeAt(event.target);
    if (eye && eye.matches(":focus-visible")) show(eye);
  });
  document.addEventListener("focusout", (event) => {
    const eye = eyeAt(event.target);
    const scope = eye && scopeOf(eye);
    if (scope) rest(scope);
  });
  document.addEventListener("click", (event) => {
    const eye = eyeAt(event.target);
    if (!eye || !eye.hasAttribute("aria-pressed")) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    press(eye);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const words of document.querySelectorAll("[data-heat-words]:not(:empty)")) keep(scopeOf(words), null);
      return;
    }
    const eye = eyeAt(event.target);
    // A link is not pressed by the space bar, and a button is.
    if (event.key !== " " || !eye || !eye.hasAttribute("aria-pressed")) return;
    event.preventDefault();
    press(eye);
  });
  // From the review desk's keys: the next genre's map, and none after the last.
  document.addEventListener("heat:next", (event) => {
    const scope = event.target;
    const eyes = eyesOf(scope);
    keep(scope, eyes[eyes.findIndex(isPressed) + 1] || null);
  });
  document.addEventListener("htmx:load", (event) => prepare(event.target));

  prepare(document);
})();
