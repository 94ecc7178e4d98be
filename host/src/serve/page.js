// Live view and copying. Everything else works without scripts.
"use strict";

const EVERY = 3000;
let live = false;

function ready() {
  for (const button of document.querySelectorAll("button[hidden]")) button.hidden = false;
  show();
}

function show() {
  const button = document.getElementById("live");
  if (!button) return;
  button.setAttribute("aria-pressed", String(live));
  button.textContent = live ? "Live: on" : "Live: off";
}

// Draws the same view again. What is open stays open; what is being typed or selected is left alone.
async function refresh() {
  const busy = document.activeElement?.closest("form, pre") || !getSelection().isCollapsed;
  if (!live || busy || document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = new Set([...document.querySelectorAll("details[open]")].map((each) => each.id));
    const focused = document.activeElement?.closest("details")?.id;
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.getElementById("now").textContent = fresh.getElementById("now").textContent;
    for (const details of document.querySelectorAll("details")) details.open = open.has(details.id);
    if (focused) document.getElementById(focused)?.querySelector("summary").focus();
    ready();
  } catch {
    document.getElementById("now").textContent = "the server does not answer";
  }
}

async function copy(button) {
  const text = button.closest(".record").querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.closest(".record").querySelector("pre"));
    button.textContent = "Selected";
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.id === "live") {
    live = !live;
    show();
    refresh();
  } else if (button?.classList.contains("copy")) copy(button);
});
setInterval(refresh, EVERY);
ready();
