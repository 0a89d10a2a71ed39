// The YAML beside the canvas. It is loaded on demand, with CodeMirror.
import type { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { goTo, mountEditor, replaceText, showMarks, type EditorEvents, type Mark } from "./codemirror";

export interface YamlTarget {
  position: number;
  /** Grows with each request. */
  request: number;
  takesFocus: boolean;
}

export interface YamlEditorProps extends EditorEvents {
  text: string;
  marks: readonly Mark[];
  target: YamlTarget;
}

export default function YamlEditor({ text, marks, target, ...events }: YamlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ text, events });
  latest.current = { text, events };

  useEffect(() => {
    if (!host.current) return undefined;
    const editor = mountEditor(host.current, latest.current.text, {
      onType: (typed) => latest.current.events.onType(typed),
      onUndo: () => latest.current.events.onUndo(),
      onRedo: () => latest.current.events.onRedo(),
      onSave: () => latest.current.events.onSave(),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    if (view.current) replaceText(view.current, text);
  }, [text]);

  useEffect(() => {
    if (view.current) showMarks(view.current, marks);
  }, [marks]);

  useEffect(() => {
    if (view.current && target.request > 0) goTo(view.current, target.position, target.takesFocus);
  }, [target]);

  return <div ref={host} className="yaml-editor" />;
}
