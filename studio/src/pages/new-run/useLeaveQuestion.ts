// The question before the user leaves a page that would lose something: by a link, by Back, or with the tab.
import { useEffect } from "react";
import { LEAVING } from "../../navigation";

/** Asks before another page is shown, or the tab is closed; null asks nothing. Another query is the same page. */
export function useLeaveQuestion(question: string | null): void {
  useEffect(() => {
    if (question === null) return undefined;
    let here = window.location.href;
    const mayOpen = (address: string): boolean => {
      const { href, pathname } = new URL(address, here);
      if (pathname !== new URL(here).pathname) return window.confirm(question);
      here = href;
      return true;
    };
    const open = (event: Event) => {
      if (!mayOpen((event as CustomEvent<string>).detail)) event.preventDefault();
    };
    const goBack = (event: Event) => {
      if (mayOpen(window.location.href)) return;
      // The browser has the other address already.
      event.stopImmediatePropagation();
      window.history.pushState(null, "", here);
    };
    const close = (event: Event) => event.preventDefault();
    window.addEventListener(LEAVING, open);
    // Before the pages hear of it.
    window.addEventListener("popstate", goBack, { capture: true });
    window.addEventListener("beforeunload", close);
    return () => {
      window.removeEventListener(LEAVING, open);
      window.removeEventListener("popstate", goBack, { capture: true });
      window.removeEventListener("beforeunload", close);
    };
  }, [question]);
}
