// A car seen from above with its sides folded out, and its frame: where each panel is. Front on top.

const VIEW = "0 0 220 320";

// Left panels as x, y, width and height; right panels mirror them.
const SIDES = {
  exterior: {
    "front-fender": [12, 40, 46, 68],
    "front-door": [12, 112, 40, 58],
    "rear-door": [12, 174, 40, 54],
    "quarter-panel": [12, 232, 46, 70],
    "side-sill": [55, 112, 8, 116],
  },
  frame: {
    "inside-panel": [40, 36, 18, 34],
    "front-wheel-house": [40, 74, 18, 32],
    "front-side-member": [62, 36, 14, 70],
    "a-pillar": [40, 110, 16, 22],
    "b-pillar": [40, 158, 16, 22],
    "c-pillar": [40, 206, 16, 22],
    "rear-wheel-house": [40, 234, 18, 42],
    "rear-side-member": [62, 230, 14, 70],
  },
};

const MIDDLES = {
  exterior: {
    "radiator-support": [68, 14, 84, 10],
    hood: [68, 28, 84, 80],
    "roof-panel": [76, 138, 68, 82],
    "trunk-lid": [68, 248, 84, 56],
  },
  frame: {
    "front-panel": [58, 8, 104, 10],
    "cross-member": [58, 22, 104, 10],
    "dash-panel": [60, 110, 100, 12],
    "floor-panel": [60, 126, 100, 84],
    "package-tray": [60, 214, 100, 12],
    "trunk-floor": [80, 230, 60, 70],
    "rear-panel": [58, 304, 104, 10],
  },
};

const WIDTH = 220;

/** The positions of all panels of a kind, `exterior` or `frame`, by panel id. */
export function places(kind) {
  const sides = Object.entries(SIDES[kind]).flatMap(([name, [x, y, width, height]]) => [
    [`${name}-l`, [x, y, width, height]],
    [`${name}-r`, [WIDTH - x - width, y, width, height]],
  ]);
  return new Map([...Object.entries(MIDDLES[kind]), ...sides]);
}

/** Draw the panels of a kind; damaged panels have the colour of their severity. */
export function outline(kind, panels) {
  const drawing = shape("svg", { viewBox: VIEW, class: `outline ${kind}`, role: "img", "aria-label": label(kind, panels) });
  const damaged = new Map(panels.map((panel) => [panel.panel_id, panel]));
  for (const [id, [x, y, width, height]] of places(kind)) {
    const panel = damaged.get(id);
    const drawn = shape("rect", { x, y, width, height, rx: 5, class: panel ? `panel ${panel.severity}` : "panel" });
    const title = shape("title", {});
    title.textContent = panel ? `${panel.label}: ${panel.description}` : id;
    drawn.append(title);
    drawing.append(drawn);
    if (panel) drawing.append(mark(panel, x + width / 2, y + height / 2));
  }
  return drawing;
}

function label(kind, panels) {
  const what = kind === "frame" ? "Frame" : "Body";
  const told = panels.map((panel) => `${panel.label} ${panel.description}`).join(", ");
  return `${what} from above: ${told || "no panel is marked"}`;
}

function mark({ damage_code: code }, x, y) {
  const text = shape("text", { x, y, "text-anchor": "middle", "dominant-baseline": "central" });
  text.textContent = code.toUpperCase();
  return text;
}

function shape(tag, about) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(about)) element.setAttribute(name, value);
  return element;
}
