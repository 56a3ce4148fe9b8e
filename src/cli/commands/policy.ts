import type { RegisterCommand } from "../commands.ts";

export const registerPolicy: RegisterCommand = (program, run) => {
  void program;
  void run;
};
