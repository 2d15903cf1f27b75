"""The commands: `mrq` and its subcommands, and the flags that are made from the settings."""
