import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { CopyableCommand } from "./CopyableCommand";

const COMMAND = "epochal submit flowers.yaml --namespace team-a";

test("the whole command can be selected, and copied", async () => {
  const user = userEvent.setup();
  const writeText = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  const { container } = render(<CopyableCommand command={COMMAND} />);
  expect(container.querySelector("code")?.textContent).toBe(COMMAND);
  await user.click(screen.getByRole("button"));
  expect(writeText).toHaveBeenCalledWith(COMMAND);
  expect(screen.getByText("Copied")).toBeTruthy();
});

test("without a clipboard the button says what to do", async () => {
  const user = userEvent.setup();
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not allowed"));
  render(<CopyableCommand command={COMMAND} />);
  await user.click(screen.getByRole("button"));
  expect(await screen.findByText("Select and copy")).toBeTruthy();
});
