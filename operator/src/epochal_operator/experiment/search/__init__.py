"""Which parameters to try next: what is asked, who answers, and the process that it is answered in."""
