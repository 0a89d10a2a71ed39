// CodeMirror for a document: within a shadow root, because its styles are then sheets of that root. In the page itself
// it would add a <style> element, which the Content-Security-Policy refuses.
import { defaultKeymap, indentLess, indentMore } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { diffText } from "../../../modeler/change";

/** Marks a change that the session has made, so that it is not sent back. */
const fromSession = Annotation.define<boolean>();

export interface EditorEvents {
  onType: (text: string) => void;
  onUndo: () => void;
  onRedo: () => void;
  onSave: () => void;
}

// Colours are variables of design.css: custom properties reach into a shadow root.
const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "var(--text-sm)" },
  // The host shows the focus: the gutter would cover an outline here.
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--accent)", paddingBlock: "var(--space-3)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--quiet)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { paddingInline: "var(--space-2)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-selectionMatch": { backgroundColor: "var(--wash)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "var(--radius)", boxShadow: "var(--shadow-raised)", maxWidth: "28rem" },
  ".cm-diagnostic": { padding: "var(--space-2) var(--space-3)", borderLeft: "3px solid var(--failed)", fontFamily: "var(--font)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--waiting)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panels input, .cm-panels button": { font: "inherit", color: "inherit", backgroundColor: "var(--surface)", backgroundImage: "none", border: "1px solid var(--edge)", borderRadius: "var(--radius)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--busy)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--quiet)" },
  { tag: tags.invalid, color: "var(--failed)" },
]);

/** Mounts an editor in the shadow root of an element. */
export function mountEditor(host: HTMLElement, text: string, events: EditorEvents): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const key = (run: () => void) => () => {
    run();
    return true;
  };
  const state = EditorState.create({
    doc: text,
    extensions: [
      lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), drawSelection(), indentOnInput(), bracketMatching(),
      highlightSelectionMatches(), lintGutter(), yaml(), indentUnit.of("  "), theme, syntaxHighlighting(colours),
      EditorView.contentAttributes.of({ "aria-label": "YAML of the run", "aria-multiline": "true", tabindex: "0" }),
      keymap.of([
        // The session undoes everything: edits of the canvas and of the text.
        { key: "Mod-z", run: key(events.onUndo), preventDefault: true },
        { key: "Mod-Shift-z", run: key(events.onRedo), preventDefault: true },
        { key: "Mod-y", run: key(events.onRedo), preventDefault: true },
        { key: "Mod-s", run: key(events.onSave), preventDefault: true },
        { key: "Mod-]", run: indentMore },
        { key: "Mod-[", run: indentLess },
        ...searchKeymap, ...lintKeymap, ...defaultKeymap,
      ]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged || update.transactions.some((each) => each.annotation(fromSession))) return;
        events.onType(update.state.doc.toString());
      }),
    ],
  });
  return new EditorView({ state, parent: root, root });
}

/** Brings a text of the session into the editor, with its cursor where it was. */
export function replaceText(view: EditorView, text: string): void {
  const change = diffText(view.state.doc.toString(), text);
  if (change) view.dispatch({ changes: change, annotations: fromSession.of(true) });
}

export interface Mark {
  from: number;
  to: number;
  message: string;
  isWarning: boolean;
}

/** Shows problems at their places. */
export function showMarks(view: EditorView, marks: readonly Mark[]): void {
  const { length } = view.state.doc;
  const diagnostics = marks.map<Diagnostic>(({ from, to, message, isWarning }) => ({
    from: Math.min(from, length), to: Math.min(Math.max(to, from), length), message, severity: isWarning ? "warning" : "error",
  }));
  view.dispatch(setDiagnostics(view.state, diagnostics.sort((a, b) => a.from - b.from)));
}

/** Moves the cursor to a position, and the focus into the editor. */
export function goTo(view: EditorView, position: number, takesFocus: boolean): void {
  const anchor = Math.min(position, view.state.doc.length);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  if (takesFocus) view.focus();
}
