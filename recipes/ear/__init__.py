"""`ear`: hears with the encoder of Whisper, beside an encoder that sees and reads."""
