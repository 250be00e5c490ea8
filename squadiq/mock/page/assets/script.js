// Brings what changed into the page. Without this script everything works too: reload to see changes.
"use strict";

const live = document.getElementById("live");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let source;

/** Make one element like another, and leave alone what is the same: focus and selection stay. */
function morph(here, there) {
  if (here.isEqualNode(there)) return;
  if (here.nodeType !== Node.ELEMENT_NODE || here.nodeName !== there.nodeName) {
    here.replaceWith(there.cloneNode(true));
    return;
  }
  for (const { name } of [...here.attributes]) if (!there.hasAttribute(name)) here.removeAttribute(name);
  for (const { name, value } of there.attributes) if (here.getAttribute(name) !== value) here.setAttribute(name, value);
  morphChildren(here, there);
}

function morphChildren(here, there) {
  const named = new Map();
  for (const child of here.children) if (child.id) named.set(child.id, child);
  let place = here.firstChild;
  for (const wanted of [...there.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : undefined;
    if (known && known !== place) {
      here.insertBefore(known, place);
      morph(known, wanted);
    } else if (place && (known || !(wanted.id || place.id))) {
      const next = place.nextSibling;
      morph(place, wanted);
      place = next;
    } else {
      const added = wanted.cloneNode(true);
      here.insertBefore(added, place);
      if (wanted.id && !still.matches) added.animate([{ background: "var(--new)" }, {}], 2000);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function show(changed) {
  for (const [id, content] of Object.entries(changed)) {
    const here = document.getElementById(id);
    if (!here) continue;
    const there = here.cloneNode(false);
    there.innerHTML = content;
    morphChildren(here, there);
  }
}

function say(words) {
  if (live.textContent !== words) live.textContent = words;
  live.className = words === "Live" ? "on" : "off";
}

function listen() {
  source = new EventSource("/_mock/events?page=" + encodeURIComponent(location.pathname + location.search));
  source.onopen = () => say("Live");
  source.onerror = () => say("Not connected");
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.addEventListener("gone", () => {
    source.close();
    location.reload();
  });
}

// A browser has few connections to one address: pages that nobody sees hold none.
document.addEventListener("visibilitychange", () => {
  source.close();
  if (!document.hidden) listen();
});

// Buttons that come back to this page do their work without loading it anew.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.elements.back) return;
  event.preventDefault();
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (response.type !== "opaqueredirect") say("Refused");
  } catch {
    say("Not connected");
  }
});

listen();
