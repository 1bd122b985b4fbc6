"""What ties the parts of the dock together: session, study, actions, shortcuts."""
