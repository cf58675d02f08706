"""What the verbs write: settings, tables, pictures and pages. Nothing else in the console imports it."""
