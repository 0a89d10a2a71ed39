// The keys of ModelServers that the user has typed. Only the memory of the tab has them: the end of the session, another
// user and a reload forget them.
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { keyText } from "../api/paths";
import type { RunKey } from "../wire";

interface Keys {
  known: Readonly<Record<string, string>>;
  set: (server: string, key: string) => void;
}

const Context = createContext<Keys>({ known: {}, set: () => undefined });

export function ServerKeys({ children }: { children: ReactNode }) {
  const [known, setKnown] = useState<Keys["known"]>({});
  const set = useCallback((server: string, key: string) => setKnown((old) => ({ ...old, [server]: key })), []);
  const value = useMemo(() => ({ known, set }), [known, set]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Returns the key of a server, empty without one, and the function that sets it. */
export function useServerKey(server: RunKey): [key: string, setKey: (key: string) => void] {
  const { known, set } = useContext(Context);
  const name = keyText(server);
  const setKey = useCallback((key: string) => set(name, key), [set, name]);
  return [known[name] ?? "", setKey];
}
