// Focus mode of the review queue: keyboard, the next movies in advance, and decisions that are sent in the background.
"use strict";
(() => {
  const AHEAD = 3;
  const RETRY_MS = 5000;
  const stage = document.getElementById("focus");
  const status = document.getElementById("focus-status");
  const problem = document.getElementById("focus-problem");
  const conflicts = document.getElementById("focus-conflicts");
  const loading = stage.querySelector(".focus-loading");
  const empty = document.getElementById("focus-empty");
  const keys = document.querySelector(".keys");
  const undoForm = document.getElementById("undo");
  document.body.classList.add("live");

  const current = () => stage.querySelector(".focus-card");
  const idOf = (card) => card.dataset.movie;
  const boxesOf = (card) => [...card.querySelectorAll("input[type=checkbox]")];

  // Cards that come next, and posts that the server has not confirmed yet, in order.
  const deck = [];
  const unsent = [];
  let working = false;
  let failed = false;
  let retry = 0;
  let undoing = false;
  let isEnd = !current();

  // --- The card -----------------------------------------------------------------------------------------------

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const card = document.importNode(template.content.querySelector(".focus-card"), true);
    // Loaded and decoded now, so that the card is painted at once when its turn comes.
    for (const image of card.querySelectorAll("img")) image.decode().catch(() => {});
    return card;
  }

  function show(card) {
    const before = current();
    if (before) before.remove();
    loading.hidden = empty.hidden = true;
    if (card) {
      stage.prepend(card);
      name(card);
      card.focus({ preventScroll: true });
      window.scrollTo(0, 0);
      document.dispatchEvent(new CustomEvent("heat:added", { detail: card }));
    } else if (isEnd) {
      empty.hidden = false;
    } else {
      loading.hidden = false;
    }
  }

  function advance() {
    show(deck.shift());
    work();
  }

  // The button says what it will do.
  function name(card) {
    const boxes = (field) => [...card.querySelectorAll(`input[name=${field}]`)];
    const kept = boxes("keep").filter((box) => box.checked).length;
    const dropped = boxes("keep").length - kept;
    const had = new Set(boxes("has").map((field) => field.value));
    const added = boxes("genre").filter((box) => box.checked && !had.has(box.value)).length;
    const removed = boxes("genre").filter((box) => !box.checked && had.has(box.value)).length;
    const parts = [
      kept && `accept ${kept}`, added && `add ${added}`, dropped && `reject ${dropped}`, removed && `remove ${removed}`,
    ].filter(Boolean);
    const text = parts.join(", ") || "accept";
    card.querySelector("[data-verb]").textContent = text[0].toUpperCase() + text.slice(1);
    for (const box of boxesOf(card)) {
      const row = box.closest(".genre");
      if (row) row.classList.toggle("dropped", !box.checked);
    }
  }

  function tick(card, box) {
    box.checked = !box.checked;
    name(card);
  }

  // --- Requests: one after another, decisions first -----------------------------------------------------------

  async function work() {
    if (working) return;
    working = true;
    delete stage.dataset.idle;
    try {
      while (unsent.length || (deck.length < AHEAD && !isEnd)) await (unsent.length ? send(unsent[0]) : fetchNext());
      stage.dataset.idle = "";
    } catch (error) {
      if (unsent.length) {
        failed = true;
        const count = unsent.length === 1 ? "1 movie is" : `${unsent.length} movies are`;
        report(`${error.message} ${count} not saved yet. Do not close this page.`);
      } else if (!current()) report(`${error.message} The next movie could not be loaded.`);
      window.clearTimeout(retry);
      retry = window.setTimeout(work, RETRY_MS);
    }
    working = false;
  }

  async function request(address, options) {
    let reply;
    try {
      reply = await fetch(address, { redirect: "manual", ...options });
    } catch {
      throw new Error("The server cannot be reached.");
    }
    if (reply.type === "opaqueredirect" || reply.status === 403) {
      throw new Error("You are signed out, or may not review. Sign in in another tab, then try again.");
    }
    if (reply.status >= 500 || reply.status === 429) throw new Error(`The server responded with error ${reply.status}.`);
    return reply;
  }

  async function fetchNext() {
    const card = current();
    const without = [card && idOf(card), ...deck.map(idOf)].filter(Boolean);
    const reply = await request(`${stage.dataset.next}&without=${without}`);
    if (reply.status === 204) {
      isEnd = true;
      if (!current()) show(null);
    } else if (reply.ok) {
      const next = parse(await reply.text());
      // Meanwhile an undo or a conflict may have brought it back, or a key has decided it.
      const known = [current(), ...deck].filter(Boolean).map(idOf);
      if (known.includes(idOf(next)) || unsent.some((post) => post.movie === idOf(next))) return;
      if (current()) deck.push(next);
      else show(next);
    } else throw new Error(`The server responded with error ${reply.status}.`);
  }

  async function send(next) {
    const token = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie);
    const headers = { Accept: "application/json", "X-CSRFToken": token ? token[1] : "" };
    const reply = await request(next.address, { method: "POST", body: next.body, headers, keepalive: true });
    const isAnswer = reply.ok || reply.status === 409;
    const data = isAnswer ? await reply.json() : null;
    unsent.shift();
    failed = false;
    problem.hidden = true;
    if (!next.movie) {
      undoing = false;
      stage.removeAttribute("aria-busy");
    }
    if (data) receive(data, next);
    // Sent again, a form that the server refuses would block all others.
    else if (next.movie) addConflict(`A movie could not be saved (error ${reply.status}): it was deleted or merged.`);
  }

  // --- Decisions ----------------------------------------------------------------------------------------------

  function post(form, fields, movie) {
    const body = new FormData(form);
    // The token is sent as a header, because it changes when the reviewer signs in again.
    body.delete("csrfmiddlewaretoken");
    for (const [key, value] of Object.entries(fields)) body.set(key, value);
    // Not form.action, which is a button of that name.
    unsent.push({ address: form.getAttribute("action"), body, movie });
    work();
  }

  function receive(data, sent) {
    for (const [id, html] of Object.entries(data.counts)) {
      const shown = document.getElementById(id);
      if (shown) shown.outerHTML = html;
    }
    if (!sent.movie) {
      status.textContent = data.sentence;
      if (data.card) comeBack(parse(data.card), true);
    } else if (data.saved) {
      status.textContent = `${data.title}: ${data.sentence}`;
    } else {
      addConflict(`${data.title}: ${data.sentence}`);
      if (data.card) comeBack(parse(data.card), false);
    }
    // A skipped movie comes again.
    if (sent.body.get("action") === "skip") isEnd = false;
  }

  // now: in place of the current card, which comes after it with its ticks; else as the next one.
  function comeBack(card, now) {
    const there = deck.findIndex((other) => idOf(other) === idOf(card));
    if (there >= 0) deck.splice(there, 1);
    const open = current();
    if (open && (!now || idOf(open) === idOf(card))) {
      if (now) show(card);
      else deck.unshift(card);
      return;
    }
    if (open) {
      open.remove();
      deck.unshift(open);
    }
    show(card);
  }

  function report(text) {
    problem.querySelector("p").textContent = text;
    problem.hidden = false;
  }

  function addConflict(text) {
    const line = document.createElement("li");
    line.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button plain";
    close.textContent = "Dismiss";
    close.addEventListener("click", () => line.remove());
    line.append(" ", close);
    conflicts.append(line);
  }

  function act(card, action, form = card.querySelector(".focus-form")) {
    post(form, { action }, idOf(card));
    advance();
  }

  function undo() {
    if (undoing) return;
    undoing = true;
    stage.setAttribute("aria-busy", "true");
    post(undoForm, {}, "");
  }

  // --- Keyboard, buttons --------------------------------------------------------------------------------------

  function openOthers(card) {
    const others = card.querySelector(".focus-others");
    if (!others) return;
    others.open = true;
    others.querySelector(".focus-search").focus();
  }

  // The row of the genre that the typed text means: a suggested one too, and first those that begin with it.
  const words = (row) => row.querySelector("label span").textContent.toLowerCase();
  function found(card, typed) {
    const text = typed.trim().toLowerCase();
    const rows = [...card.querySelectorAll(".focus-others li, .genres li, .focus-chips li")];
    return rows.find((row) => words(row).startsWith(text)) || rows.find((row) => words(row).includes(text));
  }

  function closeOthers(card) {
    const search = card.querySelector(".focus-search");
    search.value = "";
    for (const row of card.querySelectorAll(".focus-others li")) row.hidden = false;
    card.querySelector(".focus-others").open = false;
    card.focus({ preventScroll: true });
  }

  function typed(event, field, card) {
    if (event.key === "Escape") {
      if (field.classList.contains("focus-search")) closeOthers(card);
      else {
        const flag = field.closest(".focus-flag");
        if (flag) flag.open = false;
        field.blur();
        if (card) card.focus({ preventScroll: true });
      }
    } else if (event.key === "Enter" && field.classList.contains("focus-search")) {
      event.preventDefault();
      if (!field.value.trim()) return closeOthers(card);
      const row = found(card, field.value);
      if (!row) return;
      // Beside the other chips, where the reviewer sees what is ticked.
      if (row.closest(".focus-others")) card.querySelector(".focus-chips").append(row);
      tick(card, row.querySelector("input[type=checkbox]"));
      closeOthers(card);
    }
  }

  let held = false;
  function heat(card, number) {
    const rows = [...card.querySelectorAll(".genre")];
    const row = number ? rows[number - 1] : rows.find((each) => each.querySelector("[data-heat]"));
    const button = row && row.querySelector("[data-heat]");
    if (button) button.dispatchEvent(new CustomEvent("heat:show", { bubbles: true }));
  }
  function cool() {
    if (!held) return;
    held = false;
    const card = current();
    if (card) card.dispatchEvent(new CustomEvent("heat:hide", { bubbles: true }));
  }

  function pressed(event, card) {
    const { key } = event;
    if (key === "?") keys.open = !keys.open;
    else if (key === "Escape") keys.open = false;
    else if (event.repeat || undoing) return key !== "h";
    else if (key === "u") undo();
    else if (key === "g") document.getElementById("to-grid").click();
    else if (!card) return true;
    else if (key === "a" || key === "Enter") act(card, "accept");
    else if (key === "x") act(card, "reject");
    else if (key === "s") act(card, "skip");
    else if (key === "f") {
      const flag = card.querySelector(".focus-flag");
      if (!flag) return true;
      flag.open = true;
      flag.querySelector("input[name=note]").focus();
    } else if (key === "h") {
      held = true;
      heat(card, 0);
    } else if (held && /^[1-9]$/.test(key)) heat(card, Number(key));
    else if (key === "+" || key === "=") openOthers(card);
    else if (key === "o" || key === "e") {
      const link = card.querySelector(key === "o" ? "[data-open]" : "[data-key=e]");
      if (link) link.click();
    } else if (/^[a-z1-9]$/.test(key)) {
      const box = card.querySelector(`[data-toggle="${key}"]`);
      if (!box) return true;
      tick(card, box);
    } else return true;
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const card = current();
    const field = event.target.closest("input, select, textarea");
    if (field && !["checkbox", "submit", "button"].includes(field.type)) return typed(event, field, card);
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (!pressed(event, card)) event.preventDefault();
  });
  document.addEventListener("keyup", (event) => event.key === "h" && cool());
  window.addEventListener("blur", cool);

  document.addEventListener("submit", (event) => {
    const card = current();
    if (event.target === undoForm) {
      event.preventDefault();
      undo();
    } else if (card && card.contains(event.target)) {
      event.preventDefault();
      if (undoing) return;
      const action = event.submitter ? event.submitter.value : "accept";
      act(card, event.target.closest(".focus-flag") ? "flag" : action, event.target);
    }
  });
  stage.addEventListener("change", (event) => {
    const card = event.target.closest(".focus-card");
    if (card) name(card);
  });
  stage.addEventListener("input", (event) => {
    if (!event.target.classList.contains("focus-search")) return;
    const text = event.target.value.trim().toLowerCase();
    for (const row of event.target.closest(".focus-others").querySelectorAll("li")) row.hidden = !words(row).includes(text);
  });
  problem.querySelector("button").addEventListener("click", () => {
    problem.hidden = true;
    work();
  });
  window.addEventListener("online", work);
  window.addEventListener("beforeunload", (event) => {
    if (failed || unsent.length > 1) event.preventDefault();
  });

  const first = current();
  if (first) {
    name(first);
    if (!document.activeElement || document.activeElement === document.body) first.focus({ preventScroll: true });
  }
  work();
})();
