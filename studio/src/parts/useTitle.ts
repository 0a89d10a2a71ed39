import { useEffect } from "react";

/** Sets the title of the tab while a page is shown; the page under it then gets its own back. */
export function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${title} · Studio`;
    return () => {
      document.title = before;
    };
  }, [title]);
}
