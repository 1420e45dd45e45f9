"""The verbs: one public function a use case, joining database, model, shelf and engine."""
