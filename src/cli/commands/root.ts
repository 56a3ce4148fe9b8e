import type { RegisterCommand } from "../commands.ts";

export const registerRoot: RegisterCommand = (program, run) => {
  void program;
  void run;
};
