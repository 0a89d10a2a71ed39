// A link within Studio: a click shows the page without a load, and all other uses of a link stay.
import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from "react";
import { navigate } from "../navigation";

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  href: string;
  children: ReactNode;
}

export function Link({ href, onClick, ...rest }: Props) {
  function open(event: MouseEvent<HTMLAnchorElement>): void {
    onClick?.(event);
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !isPlain) return;
    event.preventDefault();
    navigate(href);
  }
  return <a href={href} onClick={open} {...rest} />;
}
