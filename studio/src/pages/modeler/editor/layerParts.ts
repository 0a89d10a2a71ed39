// The parts of the editor that need a selected node. In one chunk: apart, their common code would be a third one.
export { default as NodeForm } from "../form/NodeForm";
export { default as ConnectDialog } from "./ConnectDialog";
