// Swagger UI over this service's own description.
SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#documentation",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
});
