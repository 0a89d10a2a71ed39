// The clipboard of the buttons. The browser's own needs a permission, and HTTPS; copied layers stay in memory, too.

let memory = "";

export async function writeClipboard(text: string): Promise<void> {
  memory = text;
  await navigator.clipboard?.writeText(text).catch(() => undefined);
}

/** Returns the text of the clipboard; the layers that were copied last if the browser does not allow to read it. */
export async function readClipboard(): Promise<string> {
  try {
    return (await navigator.clipboard.readText()) || memory;
  } catch {
    return memory;
  }
}
