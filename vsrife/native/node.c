/*
 * The frame server's node. It is built from two Python functions: `plan` returns the source frames that output n needs,
 * or the one that it is; `render` fills an output, or asks for more.
 */
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define MAX_FRAMES 256 /* source frames one output frame may ask for */

typedef struct {
    int clip_count;
    VSNode **clips;
    VSFunction *plan, *render;
    VSVideoInfo info;
} Node;

typedef struct {
    int count, write; /* `write`: the output is allocated and handed to `render` */
    int clips[MAX_FRAMES], frames[MAX_FRAMES];
    VSMap *decided; /* properties of the output, where it is the one frame that is requested; else NULL */
} Request;

static void free_request(Request *request, const VSAPI *vsapi) {
    if (request)
        vsapi->freeMap(request->decided);
    free(request);
}

/* Reads `frames`, the numbers of source frames, `clips`, which of the node's clips each is of (all the first one where
 * absent), and `write`; requests them. 0 where they make no sense. */
static int add_request(const Node *node, Request *request, const VSMap *answer, VSFrameContext *context, const VSAPI *vsapi) {
    int missing, count = vsapi->mapGetType(answer, "frames") == ptInt ? vsapi->mapNumElements(answer, "frames") : 0;
    int clip_count = vsapi->mapGetType(answer, "clips") == ptInt ? vsapi->mapNumElements(answer, "clips") : 0;
    if (count < 1 || count > MAX_FRAMES - request->count || (clip_count && clip_count != count))
        return 0;
    for (int i = 0; i < count; i++) {
        int clip = clip_count ? vsapi->mapGetIntSaturated(answer, "clips", i, NULL) : 0;
        if (clip < 0 || clip >= node->clip_count)
            return 0;
        request->clips[request->count + i] = clip;
        request->frames[request->count + i] = vsapi->mapGetIntSaturated(answer, "frames", i, NULL);
    }
    for (int i = request->count; i < request->count + count; i++)
        vsapi->requestFrameFilter(request->frames[i], node->clips[request->clips[i]], context);
    request->count += count;
    request->write = !!vsapi->mapGetInt(answer, "write", 0, &missing);
    return 1;
}

/* Nodes and functions may not become frame properties: the core ends the process over them. The map's own text of a key
 * may not be handed to mapDeleteKey, which still compares with it after it is freed. */
static void drop_references(VSMap *map, const VSAPI *vsapi) {
    for (int i = vsapi->mapNumKeys(map) - 1; i >= 0; i--) {
        const char *key = vsapi->mapGetKey(map, i);
        int type = vsapi->mapGetType(map, key);
        if (type != ptFunction && type != ptVideoNode && type != ptAudioNode)
            continue;
        size_t size = strlen(key) + 1;
        char *copy = malloc(size);
        if (!copy) {
            vsapi->clearMap(map);
            return;
        }
        vsapi->mapDeleteKey(map, memcpy(copy, key, size));
        free(copy);
    }
}

/* plan(n) -> frames, clips, write: the source frames that output n is made from. With `passthrough` it is the one frame
 * that is requested, and what else the map has are its properties, see `pass_decided`. */
static Request *plan_request(const Node *node, int n, VSFrameContext *context, const VSAPI *vsapi) {
    Request *request = calloc(1, sizeof *request);
    VSMap *in = vsapi->createMap(), *out = vsapi->createMap();
    vsapi->mapSetInt(in, "n", n, maReplace);

    const char *error = call_python(node->plan, in, out, vsapi);
    if (!error && !request)
        error = "RIFE: out of memory";
    if (!error && !add_request(node, request, out, context, vsapi))
        error = "RIFE: internal: plan asked for no frame or for too many";
    if (error) {
        vsapi->setFilterError(error, context);
        free_request(request, vsapi);
        request = NULL;
    } else if (request->count == 1 && vsapi->mapGetType(out, "passthrough") != ptUnset) {
        const char *reserved[] = {"passthrough", "frames", "clips", "write"};
        for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
            vsapi->mapDeleteKey(out, reserved[i]);
        drop_references(out, vsapi);
        request->decided = out;
        out = NULL;
    }

    vsapi->freeMap(in);
    vsapi->freeMap(out);
    return request;
}

/* Takes the integer `key` out of an answer of render; -1 where it is absent or does not name a source frame. */
static int take_index(VSMap *answer, const char *key, const Request *request, const VSAPI *vsapi) {
    int missing = 0, index = vsapi->mapGetIntSaturated(answer, key, 0, &missing);
    vsapi->mapDeleteKey(answer, key);
    return missing || index < 0 || index >= request->count ? -1 : index;
}

static int has_format(const VSFrame *frame, const VSVideoInfo *info, const VSAPI *vsapi) {
    const VSVideoFormat *format = vsapi->getVideoFrameFormat(frame);
    return format->colorFamily == info->format.colorFamily && format->sampleType == info->format.sampleType &&
           format->bitsPerSample == info->format.bitsPerSample && format->subSamplingW == info->format.subSamplingW &&
           format->subSamplingH == info->format.subSamplingH && vsapi->getFrameWidth(frame, 0) == info->width &&
           vsapi->getFrameHeight(frame, 0) == info->height;
}

/* A source frame with other properties, which shares its planes; those of `like` instead of its own where that is not
 * NULL. NULL and an error where its format is another. */
static VSFrame *pass_through(const Node *node, const VSFrame *source, const VSFrame *like, const VSMap *properties, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    if (!has_format(source, &node->info, vsapi)) {
        vsapi->setFilterError("RIFE: a source frame must have the format and size its clip has announced", context);
        return NULL;
    }
    VSFrame *passed = vsapi->copyFrame(source, core);
    VSMap *own = vsapi->getFramePropertiesRW(passed);
    if (like) {
        vsapi->clearMap(own);
        vsapi->copyMap(vsapi->getFramePropertiesRO(like), own);
    }
    vsapi->copyMap(properties, own);
    return passed;
}

/* Whether a frame's properties that `assumed` names are absent, or are the integers `values`. */
static int is_as_assumed(const VSMap *decided, const VSMap *properties, const VSAPI *vsapi) {
    int count = vsapi->mapNumElements(decided, "assumed");
    if (count > 0 && (vsapi->mapGetType(decided, "assumed") != ptData || vsapi->mapGetType(decided, "values") != ptInt ||
                      vsapi->mapNumElements(decided, "values") != count))
        return 0;
    for (int i = 0; i < count; i++) {
        const char *name = vsapi->mapGetData(decided, "assumed", i, NULL);
        int type = vsapi->mapGetType(properties, name);
        if (type != ptUnset && (type != ptInt || vsapi->mapGetInt(properties, name, 0, NULL) != vsapi->mapGetInt(decided, "values", i, NULL)))
            return 0;
    }
    return 1;
}

/* Passes the one source frame through that plan has decided on, without another call of Python. 0 where its own
 * properties are not as assumed, so that `render` has to tell what the output's are. */
static int pass_decided(const Node *node, Request *request, VSFrame **passed, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    const VSFrame *source = vsapi->getFrameFilter(request->frames[0], node->clips[request->clips[0]], context);
    int applies = is_as_assumed(request->decided, vsapi->getFramePropertiesRO(source), vsapi);
    if (applies) {
        vsapi->mapDeleteKey(request->decided, "assumed");
        vsapi->mapDeleteKey(request->decided, "values");
        *passed = pass_through(node, source, NULL, request->decided, context, core, vsapi);
    }
    vsapi->freeFrame(source);
    return applies;
}

/* An output whose planes `in` describes by address and bytes a row. */
static VSFrame *allocate_output(const Node *node, VSMap *in, VSCore *core, const VSAPI *vsapi) {
    VSFrame *output = vsapi->newVideoFrame(&node->info.format, node->info.width, node->info.height, NULL, core);
    for (int plane = 0; plane < node->info.format.numPlanes; plane++) {
        vsapi->mapSetInt(in, "planes", (int64_t)(intptr_t)vsapi->getWritePtr(output, plane), maAppend);
        vsapi->mapSetInt(in, "strides", vsapi->getStride(output, plane), maAppend);
    }
    return output;
}

/* render(n, frames, numbers, clips, planes, strides) -> properties of the output, which it has written to the planes,
 * beside those of source frame `like` (an index into frames, 0 where absent); or `passthrough`, the index of the source
 * frame that is handed on, with its own properties or those of `like`; or more `frames`, or `write` alone, after which it is called again. Planes are only
 * handed over where `write` was asked for; without them a source frame is handed on. NULL where there is an error, or
 * more to wait for. */
static VSFrame *render_frame(const Node *node, int n, Request *request, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    const VSFrame *sources[MAX_FRAMES];
    int count = request->count, missing;
    VSMap *in = vsapi->createMap(), *out = vsapi->createMap();
    vsapi->mapSetInt(in, "n", n, maReplace);
    for (int i = 0; i < count; i++) {
        sources[i] = vsapi->getFrameFilter(request->frames[i], node->clips[request->clips[i]], context);
        vsapi->mapSetFrame(in, "frames", sources[i], maAppend);
        vsapi->mapSetInt(in, "numbers", request->frames[i], maAppend);
        vsapi->mapSetInt(in, "clips", request->clips[i], maAppend);
    }

    VSFrame *output = request->write ? allocate_output(node, in, core, vsapi) : NULL;
    const char *error = call_python(node->render, in, out, vsapi);
    int more = !error && vsapi->mapGetType(out, "frames") != ptUnset;
    if (!error && !more && !output && vsapi->mapGetInt(out, "write", 0, &missing)) {
        vsapi->clearMap(out);
        output = allocate_output(node, in, core, vsapi);
        error = call_python(node->render, in, out, vsapi);
        more = !error && vsapi->mapGetType(out, "frames") != ptUnset;
    }
    if (more && !add_request(node, request, out, context, vsapi))
        error = "RIFE: internal: render asked for no frame or for too many";
    if (error)
        vsapi->setFilterError(error, context);
    if (error || more) {
        vsapi->freeFrame(output);
        output = NULL;
    } else {
        drop_references(out, vsapi);
        vsapi->mapDeleteKey(out, "write");
        int passed = take_index(out, "passthrough", request, vsapi), like = take_index(out, "like", request, vsapi);
        if (passed >= 0 || !output) {
            vsapi->freeFrame(output);
            output = pass_through(node, sources[passed >= 0 ? passed : 0], like >= 0 ? sources[like] : NULL, out, context, core, vsapi);
        } else {
            vsapi->copyMap(vsapi->getFramePropertiesRO(sources[like >= 0 ? like : 0]), vsapi->getFramePropertiesRW(output));
            vsapi->copyMap(out, vsapi->getFramePropertiesRW(output));
        }
    }

    for (int i = 0; i < count; i++)
        vsapi->freeFrame(sources[i]);
    vsapi->freeMap(in);
    vsapi->freeMap(out);
    return output;
}

static const VSFrame *VS_CC node_get_frame(int n, int reason, void *instance, void **frame_data, VSFrameContext *context, VSCore *core, const VSAPI *vsapi) {
    const Node *node = instance;
    if (reason == arInitial) {
        *frame_data = plan_request(node, n, context, vsapi);
        return NULL;
    }
    Request *request = *frame_data;
    int count = request->count;
    VSFrame *output = NULL;
    if (reason == arAllFramesReady && !(request->decided && pass_decided(node, request, &output, context, core, vsapi))) {
        vsapi->freeMap(request->decided);
        request->decided = NULL;
        output = render_frame(node, n, request, context, core, vsapi);
        if (!output && request->count > count)
            return NULL; /* more frames are on their way */
    }
    free_request(request, vsapi);
    *frame_data = NULL;
    return output;
}

static void VS_CC node_free(void *instance, VSCore *core, const VSAPI *vsapi) {
    (void)core;
    Node *node = instance;
    for (int i = 0; i < node->clip_count; i++)
        vsapi->freeNode(node->clips[i]);
    vsapi->freeFunction(node->plan);
    vsapi->freeFunction(node->render);
    free(node->clips);
    free(node);
}

void VS_CC node_create(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi) {
    (void)user_data;
    int64_t num_frames = vsapi->mapGetInt(in, "num_frames", 0, NULL);
    if (num_frames < 1 || num_frames > 2147483647) {
        vsapi->mapSetError(out, "Node: num_frames must be 1 to 2147483647");
        return;
    }
    int clip_count = vsapi->mapNumElements(in, "clips");
    Node *node = calloc(1, sizeof *node);
    VSNode **clips = calloc(clip_count, sizeof *clips);
    VSFilterDependency *dependencies = calloc(clip_count, sizeof *dependencies);
    if (!node || !clips || !dependencies) {
        vsapi->mapSetError(out, "Node: out of memory");
        free(node);
        free(clips);
        free(dependencies);
        return;
    }
    node->clip_count = clip_count;
    node->clips = clips;
    for (int i = 0; i < clip_count; i++) {
        clips[i] = vsapi->mapGetNode(in, "clips", i, NULL);
        dependencies[i] = (VSFilterDependency){clips[i], rpGeneral};
    }
    node->plan = vsapi->mapGetFunction(in, "plan", 0, NULL);
    node->render = vsapi->mapGetFunction(in, "render", 0, NULL);
    int missing = 0;
    VSNode *template = vsapi->mapGetNode(in, "template", 0, &missing);
    node->info = *vsapi->getVideoInfo(template ? template : clips[0]);
    vsapi->freeNode(template);
    if (node->info.format.colorFamily == cfUndefined || !node->info.width || !node->info.height) {
        vsapi->mapSetError(out, "Node: clip must have one format and size throughout");
        node_free(node, core, vsapi);
    } else {
        node->info.numFrames = (int)num_frames;
        node->info.fpsNum = vsapi->mapGetInt(in, "fps_num", 0, NULL);
        node->info.fpsDen = vsapi->mapGetInt(in, "fps_den", 0, NULL);
        vsapi->createVideoFilter(out, "RIFE", &node->info, node_get_frame, node_free, fmParallel, dependencies, clip_count, node, core);
    }
    free(dependencies);
}
