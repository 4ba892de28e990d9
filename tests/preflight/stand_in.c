// A backend that answers every request at once, and says nothing of any model: what is judged then is Triton's core.
//
// Triton's backend API 1 (core, include/triton/core/tritonbackend.h). The core asks for no other function than this one
// (core, src/backend_manager.cc, LoadBackendLibrary), and calls it for warm-ups.

#include <stddef.h>

typedef struct TRITONSERVER_Error Error;
typedef struct TRITONBACKEND_ModelInstance Instance;
typedef struct TRITONBACKEND_Request Request;
typedef struct TRITONBACKEND_Response Response;

enum { COMPLETE_FINAL = 1, RELEASE_ALL = 1 };

Error *TRITONBACKEND_ResponseNew(Response **response, Request *request);
Error *TRITONBACKEND_ResponseSend(Response *response, unsigned flags, Error *error);
Error *TRITONBACKEND_RequestRelease(Request *request, unsigned flags);

Error *TRITONBACKEND_ModelInstanceExecute(Instance *instance, Request **requests, unsigned count)
{
    (void)instance;
    for (unsigned index = 0; index < count; ++index) {
        Response *response;
        Error *error = TRITONBACKEND_ResponseNew(&response, requests[index]);
        if (error == NULL)
            error = TRITONBACKEND_ResponseSend(response, COMPLETE_FINAL, NULL);
        if (error == NULL)
            error = TRITONBACKEND_RequestRelease(requests[index], RELEASE_ALL);
        if (error != NULL)
            return error;
    }
    return NULL;
}
