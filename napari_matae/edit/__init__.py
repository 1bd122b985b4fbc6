"""What a person does to a mask: actions, tools, handles, the preview of what is filled in."""
