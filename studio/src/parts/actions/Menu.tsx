// A list of buttons above the page, at the button that opened it. The browser's popover closes it by Escape or a click
// elsewhere, and returns the focus.
import { useEffect, useLayoutEffect, useRef, type KeyboardEvent, type ReactNode } from "react";

const GAP = 4;
const EDGE = 8;

interface Props {
  anchor: HTMLElement;
  label: string;
  /** Whether the first button is there, so that it gets the focus. */
  isReady: boolean;
  onClose: () => void;
  children: ReactNode;
}

export function Menu({ anchor, label, isReady, onClose, children }: Props) {
  const menu = useRef<HTMLDivElement>(null);
  const isShown = useRef(false);

  useEffect(() => {
    const element = menu.current;
    // React runs an effect twice during development, and a shown popover cannot be shown again.
    if (element && !isShown.current) {
      isShown.current = true;
      element.showPopover();
      element.focus({ preventScroll: true });
    }
    anchor.setAttribute("aria-expanded", "true");
    return () => anchor.setAttribute("aria-expanded", "false");
  }, [anchor]);

  useEffect(() => {
    if (isReady) menu.current?.querySelector("button")?.focus();
  }, [isReady]);

  useEffect(() => {
    // A menu that stays while the page moves under it would belong to no row.
    const hide = () => menu.current?.hidePopover();
    window.addEventListener("scroll", hide, { passive: true });
    window.addEventListener("resize", hide);
    return () => {
      window.removeEventListener("scroll", hide);
      window.removeEventListener("resize", hide);
    };
  }, []);

  // After each draw: the content changes its size.
  useLayoutEffect(() => {
    const element = menu.current;
    if (!element) return;
    const at = anchor.getBoundingClientRect();
    const { width, height } = element.getBoundingClientRect();
    const isBelow = at.bottom + GAP + height + EDGE <= window.innerHeight;
    element.style.top = `${Math.max(EDGE, isBelow ? at.bottom + GAP : at.top - GAP - height)}px`;
    element.style.left = `${Math.max(EDGE, Math.min(at.right - width, window.innerWidth - width - EDGE))}px`;
  });

  function press(event: KeyboardEvent): void {
    const buttons = [...(menu.current?.querySelectorAll<HTMLButtonElement>("button:enabled") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    const to = steps[event.key];
    if (to === undefined || buttons.length === 0) return;
    event.preventDefault();
    buttons[(to + buttons.length) % buttons.length]?.focus();
  }

  return (
    <div
      ref={menu}
      popover="auto"
      role="group"
      aria-label={label}
      tabIndex={-1}
      className="menu"
      onKeyDown={press}
      onToggle={(event) => {
        if (event.newState === "closed") onClose();
      }}
    >
      {children}
    </div>
  );
}
