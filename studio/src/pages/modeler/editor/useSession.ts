// The session of an open document, for the life of its editor.
import { useEffect, useState } from "react";
import { ModelerSession } from "../../../modeler/session";

export function useSession(text: string): ModelerSession {
  const [session] = useState(() => new ModelerSession(text));
  useEffect(() => () => session.dispose(), [session]);
  return session;
}
