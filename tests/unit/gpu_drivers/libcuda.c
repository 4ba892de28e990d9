/* Stands in for NVIDIA's libcuda.so.1 where there is no GPU: it keeps the order that the driver API asks for (cuda.h:
 * nothing before cuInit, no memory without a current context), and device memory can be reached by its calls alone.
 * What is wrong with it is said by the environment:
 *   STAND_IN_CUDA     what cuDriverGetVersion says (13000)
 *   STAND_IN_GPUS     how many there are (1)
 *   STAND_IN_FAILS    FUNCTION:RESULT, a call that fails
 *   STAND_IN_FORGETS  set: bytes that come back are others
 */
extern char *getenv(const char *);
extern int atoi(const char *);
extern void *malloc(unsigned long);
extern void free(void *);
extern void *memcpy(void *, const void *, unsigned long);
extern void *memset(void *, int, unsigned long);
extern int strncmp(const char *, const char *, unsigned long);
extern unsigned long strlen(const char *);

enum { SUCCESS = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, INVALID_DEVICE = 101, INVALID_CONTEXT = 201 };

static const unsigned long HIDDEN = 0x5000000000000000ul; /* no address of a host */
static int initialised, retained, current;

static int number(const char *name, int otherwise) {
    const char *said = getenv(name);
    return said ? atoi(said) : otherwise;
}

static int fails(const char *function) {
    const char *said = getenv("STAND_IN_FAILS");
    unsigned long length = strlen(function);
    return said && !strncmp(said, function, length) && said[length] == ':' ? atoi(said + length + 1) : SUCCESS;
}

static int broken; /* a fault stays: no call works after it, as after an uncorrectable error (cuda.h, 214 and 700) */

#define BEGIN(needed, otherwise)              \
    int failure = fails(__func__);            \
    if (failure) broken = 1;                  \
    if (broken) return failure ? failure : 999; \
    if (!(needed)) return otherwise;

int cuGetErrorName(int result, const char **name) {
    *name = result == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : result == 100 ? "CUDA_ERROR_NO_DEVICE" : 0;
    return *name ? SUCCESS : INVALID_VALUE;
}

int cuInit(unsigned flags) {
    BEGIN(flags == 0, INVALID_VALUE)
    initialised = 1;
    return SUCCESS;
}

int cuDriverGetVersion(int *version) {
    BEGIN(version, INVALID_VALUE)
    *version = number("STAND_IN_CUDA", 13000);
    return SUCCESS;
}

int cuDeviceGetCount(int *count) {
    BEGIN(initialised, NOT_INITIALIZED)
    *count = number("STAND_IN_GPUS", 1);
    return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
    BEGIN(initialised, NOT_INITIALIZED)
    if (ordinal < 0 || ordinal >= number("STAND_IN_GPUS", 1)) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

int cuDeviceGetName(char *name, int length, int device) {
    BEGIN(initialised, NOT_INITIALIZED)
    memcpy(name, "Stand-in A10G", 14 < length ? 14 : length);
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    BEGIN(initialised, NOT_INITIALIZED)
    *value = attribute == 75 ? 8 : attribute == 76 ? 6 : -1;
    return *value < 0 ? INVALID_VALUE : SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    BEGIN(initialised, NOT_INITIALIZED)
    retained++;
    *context = &retained;
    return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    BEGIN(retained > 0, INVALID_CONTEXT)
    retained--;
    current = 0;
    return SUCCESS;
}

int cuCtxSetCurrent(void *context) {
    BEGIN(context == &retained && retained > 0, INVALID_CONTEXT)
    current = 1;
    return SUCCESS;
}

int cuCtxSynchronize(void) {
    BEGIN(current, INVALID_CONTEXT)
    return SUCCESS;
}

int cuMemAlloc_v2(unsigned long *address, unsigned long size) {
    BEGIN(current, INVALID_CONTEXT)
    if (!size) return INVALID_VALUE;
    *address = (unsigned long)malloc(size) ^ HIDDEN;
    return SUCCESS;
}

int cuMemFree_v2(unsigned long address) {
    BEGIN(current, INVALID_CONTEXT)
    free((void *)(address ^ HIDDEN));
    return SUCCESS;
}

int cuMemcpyHtoD_v2(unsigned long address, const void *host, unsigned long size) {
    BEGIN(current, INVALID_CONTEXT)
    memcpy((void *)(address ^ HIDDEN), host, size);
    return SUCCESS;
}

int cuMemcpyDtoH_v2(void *host, unsigned long address, unsigned long size) {
    BEGIN(current, INVALID_CONTEXT)
    memcpy(host, (void *)(address ^ HIDDEN), size);
    if (getenv("STAND_IN_FORGETS")) memset(host, 0, size / 2);
    return SUCCESS;
}
