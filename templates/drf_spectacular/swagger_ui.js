"use strict";
{# Ours because the stock script lets Swagger UI send the schema to an online validator. #}
SwaggerUIBundle({
  url: "{{ schema_url|escapejs }}",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    // Requests that are tried out here go by the session, so they need its CSRF token.
    if (request.method && request.method !== "GET") {
      request.headers["{{ csrf_header_name|escapejs }}"] = "{{ csrf_token|escapejs }}";
    }
    return request;
  },
});
