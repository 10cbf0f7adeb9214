"""What a namespace's runs share: brought once, and again should somebody remove it too early."""
