// A pad to draw on: by mouse, pen or finger, or by the keyboard.

const STROKE = 0.07; // Width of a stroke, beside a pad of 1: after the crop about that of the digits of MNIST.
const STEP = 0.04; // What an arrow key moves the pen by,
const FINE = 0.01; // and with Shift.
const SIDE = 280; // Pixels of the picture that is sent.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const within = (value) => Math.min(1, Math.max(0, value));

/**
 * A pad on a canvas. Its events: "change", of a stroke that has ended or gone, and "pen", of the keyboard's pen.
 *
 * It listens until `signal` is aborted.
 */
export class Pad extends EventTarget {
  constructor(canvas, signal) {
    super();
    this.canvas = canvas;
    this.strokes = []; // Each a list of points from 0 to 1.
    this.pointer = null; // The pointer that draws.
    this.pen = [0.5, 0.2]; // Where the keyboard's pen is,
    this.down = false; // and whether it draws.
    this.keyboard = false; // Whether to show it.
    const listen = (name, listener) => canvas.addEventListener(name, listener, { signal });
    listen("pointerdown", (event) => this.#begin(event));
    listen("pointermove", (event) => this.#move(event));
    for (const ended of ["pointerup", "pointercancel"]) listen(ended, (event) => this.#end(event));
    listen("keydown", (event) => this.#press(event));
    listen("focus", () => this.#show(canvas.matches(":focus-visible")));
    listen("blur", () => {
      this.#lift();
      this.#show(false);
    });
    const size = new ResizeObserver(() => this.draw());
    size.observe(canvas);
    signal?.addEventListener("abort", () => size.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(), { signal });
  }

  get empty() {
    return this.strokes.length === 0;
  }

  undo() {
    this.down = false;
    this.strokes.pop();
    this.#changed();
  }

  clear() {
    this.down = false;
    this.strokes = [];
    this.#changed();
  }

  /** Returns the drawing as a PNG: black on white, whatever the page looks like. */
  picture() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    this.#ink(context, SIDE, "#000");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  draw() {
    const { canvas } = this;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (side === 0) return;
    if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    const style = getComputedStyle(canvas);
    this.#ink(context, side, style.color);
    if (this.keyboard) this.#cross(context, side, style.accentColor);
  }

  #ink(context, side, colour) {
    context.lineWidth = STROKE * side;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = colour;
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(stroke[0][0] * side, stroke[0][1] * side);
      for (const [x, y] of stroke) context.lineTo(x * side, y * side);
      context.stroke();
    }
  }

  #cross(context, side, colour) {
    const [x, y] = this.pen.map((value) => value * side);
    const arm = 0.05 * side; // Around the stroke, so that it is seen on it, too.
    context.lineWidth = Math.max(2, side / 140);
    context.strokeStyle = context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, arm, 0, 2 * Math.PI);
    if (this.down) context.fill();
    else context.stroke();
  }

  #place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  }

  #begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.#lift();
    this.#show(false);
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.#place(event)]);
    this.draw();
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) this.strokes.at(-1).push(this.#place(one));
    this.draw();
  }

  #end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.#changed();
  }

  #press(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key !== "z" || event.altKey) return;
      this.undo();
    } else if (arrow) this.#go(arrow, event.shiftKey ? FINE : STEP);
    else if (event.key === " " && !event.repeat) this.#toggle();
    else if (event.key === "Enter") this.#lift();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else if (event.key !== " ") return;
    event.preventDefault();
    this.#show(true);
  }

  #go([x, y], step) {
    this.pen = [within(this.pen[0] + x * step), within(this.pen[1] + y * step)];
    if (this.down) this.strokes.at(-1).push([...this.pen]);
  }

  #toggle() {
    if (this.down) {
      this.#lift();
      return;
    }
    this.down = true;
    this.strokes.push([[...this.pen]]);
    this.dispatchEvent(new CustomEvent("pen", { detail: "Pen down" }));
  }

  #lift() {
    if (!this.down) return;
    this.down = false;
    this.dispatchEvent(new CustomEvent("pen", { detail: "Pen up" }));
    this.#changed();
  }

  #show(keyboard) {
    this.keyboard = keyboard;
    this.draw();
  }

  #changed() {
    this.draw();
    this.dispatchEvent(new Event("change"));
  }
}
