// Heat maps over posters: hover or focus shows one, a click pins it. Without this script, the buttons are links to pages.
"use strict";
(() => {
  // A pointer that only passes over a button requests nothing.
  const HOVER_DELAY_MS = 120;
  const responses = new Map();
  const active = new WeakMap();
  let hoverTimer = 0;
  const status = document.createElement("p");
  status.className = "heat-status";
  status.setAttribute("role", "status");
  document.body.append(status);

  const buttonAt = (target) => (target instanceof Element ? target.closest("[data-heat]") : null);
  const scopeOf = (button) => button.closest("[data-heat-scope]");
  const frameOf = (scope) => scope && scope.querySelector("[data-heat-frame]");
  // The caption has reserved space, so that it neither covers nor moves anything.
  const captionOf = (scope) => scope.querySelector("[data-heat-caption]");
  const buttonsOf = (scope) => [...scope.querySelectorAll("[data-heat]")];
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

  function prepare(root) {
    for (const button of root.querySelectorAll("[data-heat]:not([aria-pressed])")) {
      if (!frameOf(scopeOf(button))) continue;
      button.setAttribute("role", "button");
      button.setAttribute("aria-pressed", "false");
    }
  }

  function load(button) {
    const address = button.getAttribute("href").replace(/\/$/, ".json");
    if (!responses.has(address)) {
      const response = fetch(address, { headers: { Accept: "application/json" } }).then((reply) => {
        // A 404 has JSON with the reason.
        if (!reply.ok && reply.status !== 404) throw new Error(`${reply.status}`);
        return reply.json();
      });
      responses.set(address, response);
      // Failures are not cached.
      response.then((data) => data.problem && responses.delete(address)).catch(() => responses.delete(address));
    }
    return responses.get(address);
  }

  function image(source, alt, poster) {
    const element = new Image(poster.width, poster.height);
    element.alt = alt;
    element.src = source;
    return element;
  }

  function layerOf(data, shown) {
    const layer = document.createElement("div");
    layer.className = "heat-layer";
    if (data.poster.sha256 !== shown) {
      layer.append(image(data.poster.url, "Earlier poster, which the suggestion was made from", data.poster));
    }
    layer.append(image(data.overlay, data.sentence, data.poster));
    return layer;
  }

  async function show(button) {
    const scope = scopeOf(button);
    const frame = frameOf(scope);
    if (!frame || active.get(scope) === button) return;
    active.set(scope, button);
    let data;
    try {
      data = await load(button);
    } catch {
      data = { problem: "The heat map could not be loaded. Try again." };
    }
    // Meanwhile another map may have been requested, or the card removed.
    if (active.get(scope) !== button || !scope.isConnected) return;
    clear(scope);
    const shown = frame.dataset.heatFrame;
    if (!data.problem) frame.append(layerOf(data, shown));
    const earlier = !data.problem && data.poster.sha256 !== shown ? " (on an earlier poster)" : "";
    captionOf(scope).textContent = (data.problem || data.caption) + earlier;
    status.textContent = data.problem || data.sentence;
  }

  function clear(scope) {
    for (const layer of scope.querySelectorAll(".heat-layer")) layer.remove();
    captionOf(scope).textContent = "";
  }

  function hide(scope) {
    active.delete(scope);
    if (frameOf(scope)) clear(scope);
    status.textContent = "";
  }

  // Without hover or focus: shows the pinned map, or none.
  function reset(scope) {
    clearTimeout(hoverTimer);
    const pinned = buttonsOf(scope).find(isPressed);
    if (pinned) show(pinned);
    else hide(scope);
  }

  function pin(scope, button) {
    for (const other of buttonsOf(scope)) {
      if (other.hasAttribute("aria-pressed")) other.setAttribute("aria-pressed", String(other === button));
    }
    reset(scope);
  }

  const press = (button) => pin(scopeOf(button), isPressed(button) ? null : button);

  document.addEventListener("pointerover", (event) => {
    const button = buttonAt(event.target);
    if (!button || event.pointerType !== "mouse") return;
    clearTimeout(hoverTimer);
    hoverTimer = setTimeout(() => button.isConnected && show(button), HOVER_DELAY_MS);
  });
  document.addEventListener("pointerout", (event) => {
    const button = buttonAt(event.target);
    if (!button || event.pointerType !== "mouse" || button.contains(event.relatedTarget)) return;
    const scope = scopeOf(button);
    if (scope) reset(scope);
  });
  document.addEventListener("focusin", (event) => {
    const button = buttonAt(event.target);
    if (button && button.matches(":focus-visible")) show(button);
  });
  document.addEventListener("focusout", (event) => {
    const button = buttonAt(event.target);
    const scope = button && scopeOf(button);
    if (scope) reset(scope);
  });
  document.addEventListener("click", (event) => {
    const button = buttonAt(event.target);
    if (!button || !button.hasAttribute("aria-pressed")) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    press(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const caption of document.querySelectorAll("[data-heat-caption]:not(:empty)")) pin(scopeOf(caption), null);
      return;
    }
    const button = buttonAt(event.target);
    // The space bar presses buttons, but not links.
    if (event.key !== " " || !button || !button.hasAttribute("aria-pressed")) return;
    event.preventDefault();
    press(button);
  });
  // Sent by the review queue for its key: shows the next genre's map, and none after the last.
  document.addEventListener("heat:next", (event) => {
    const scope = event.target;
    const buttons = buttonsOf(scope);
    pin(scope, buttons[buttons.findIndex(isPressed) + 1] || null);
  });
  // Sent by focus mode while its key is held, on a button, and when it is released, on the card.
  document.addEventListener("heat:show", (event) => show(event.target));
  document.addEventListener("heat:hide", (event) => reset(event.target));
  document.addEventListener("heat:added", (event) => prepare(event.detail));
  document.addEventListener("htmx:load", (event) => prepare(event.target));

  prepare(document);
})();
