// Parts of a line chart: axes, baseline levels, marks and highlights.
import { number } from "../format.js";
import { formatTick, logTicks, ticks } from "./ticks.js";

/** Margins of a chart for its axes, in pixels. */
export const EDGE = { top: 10, right: 14, bottom: 24, left: 52 };
const FONT = "11px system-ui, sans-serif";
const NAME_HEIGHT = 13;

/** Draw both axes. A frame is {context, colour, width, height, x, y}. */
export function drawAxes({ context, colour, width, height, x, y }, { from, to, low, high, isLog }) {
  const rows = isLog ? logTicks(low, high, 6) : ticks(low, high, 5);
  const step = isLog ? 0 : rows[1] - rows[0] || 0;
  context.font = FONT;
  context.lineWidth = 1;
  context.strokeStyle = colour("grid");
  context.fillStyle = colour("quiet");
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.beginPath();
  for (const value of rows) {
    const at = Math.round(y(value)) + 0.5;
    context.moveTo(EDGE.left, at);
    context.lineTo(width - EDGE.right, at);
    context.fillText(formatTick(value, step), EDGE.left - 7, at);
  }
  context.stroke();
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const epoch of ticks(from, to, Math.max(2, Math.floor(width / 90)), { whole: true })) {
    context.fillText(String(epoch), x(epoch), height - EDGE.bottom + 7);
  }
}

/** Shade a span of epochs. */
export function drawHighlight({ context, colour, height, x }, span) {
  if (!span) return;
  const [left, right] = [Math.max(EDGE.left, x(span.from - 0.5)), x(span.to + 0.5)];
  context.globalAlpha = 0.14;
  context.fillStyle = colour(span.colour);
  context.fillRect(left, EDGE.top, Math.max(2, right - left), height - EDGE.top - EDGE.bottom);
  context.globalAlpha = 1;
}

/** Draw the levels {name, value} that lie between `low` and `high`, with their names. */
export function drawLevels({ context, colour, width, y }, levels, [low, high]) {
  context.setLineDash([2, 3]);
  context.lineWidth = 1;
  context.strokeStyle = context.fillStyle = colour("quiet");
  context.textAlign = "right";
  context.textBaseline = "bottom";
  let above = Infinity;
  const seen = levels.filter(({ value }) => value >= low && value <= high).sort((a, b) => a.value - b.value);
  for (const { name, value } of seen) {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(EDGE.left, at);
    context.lineTo(width - EDGE.right, at);
    context.stroke();
    if (above - at < NAME_HEIGHT) continue; // the label would overlap the one below
    context.fillText(`${name} ${number(value, 3)}`, width - EDGE.right - 2, at - 1);
    above = at;
  }
  context.setLineDash([]);
}

/** Draw a diamond on each marked epoch {x, line, colour} of a visible line. */
export function drawMarks({ context, colour, x, y }, marks, lines) {
  for (const mark of marks) {
    const one = lines.find((candidate) => candidate.key === mark.line);
    const place = one ? one.xs.indexOf(mark.x) : -1;
    if (place < 0 || !Number.isFinite(one.ys[place])) continue;
    const [px, py] = [x(mark.x), y(one.ys[place])];
    context.strokeStyle = colour(mark.colour);
    context.fillStyle = colour("surface");
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(px, py - 6);
    context.lineTo(px + 6, py);
    context.lineTo(px, py + 6);
    context.lineTo(px - 6, py);
    context.closePath();
    context.fill();
    context.stroke();
  }
}
