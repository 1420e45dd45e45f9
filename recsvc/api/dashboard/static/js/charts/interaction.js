// Pointer and keyboard input of a chart; the keyboard can do everything that the pointer can.

const MIN_DRAG = 6;

/** Add the listeners of pointer and keyboard to a plot. `epochAt` maps a position to an epoch. */
export function attachInteraction(plot, shared, { epochAt, drawDrag, step, announce }) {
  let from = null;
  const placeOf = (event) => event.clientX - plot.getBoundingClientRect().left;

  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = placeOf(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    const at = placeOf(event);
    if (from !== null && Math.abs(at - from) >= MIN_DRAG) drawDrag(from, at);
    shared.point(step(epochAt(at), 0));
  });
  plot.addEventListener("pointerup", (event) => {
    const at = placeOf(event);
    const [low, high] = [Math.min(from ?? at, at), Math.max(from ?? at, at)];
    const wasDragged = from !== null && high - low >= MIN_DRAG;
    stop();
    if (wasDragged) shared.zoom([epochAt(low), epochAt(high)]);
  });
  plot.addEventListener("pointercancel", stop);
  plot.addEventListener("pointerleave", () => from === null && document.activeElement !== plot && shared.point(null));
  plot.addEventListener("dblclick", () => shared.zoom(null));

  plot.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
    announce();
  });

  const move = (direction) => (event) => shared.point(step(shared.pointer ?? shared.shown[0], direction * (event.shiftKey ? 10 : 1)), { follow: true });
  const keys = {
    ArrowLeft: move(-1),
    ArrowRight: move(1),
    Home: () => shared.point(step(shared.all[0], 0), { follow: true }),
    End: () => shared.point(step(shared.all[1], 0), { follow: true }),
    "+": () => shared.zoomBy(0.5),
    "=": () => shared.zoomBy(0.5),
    "-": () => shared.zoomBy(2),
    0: () => shared.zoom(null),
    Escape: () => shared.zoom(null),
    l: () => shared.setLog(!shared.isLog),
  };

  function stop() {
    from = null;
    drawDrag(null, null);
  }
}
