/* What the files of the plugin share. */
#include <VapourSynth4.h>

/* Calls a Python function that returns a map. Its `error`, on one line and without a traceback, or the exception that it
 * raised becomes the error of `out`, which is returned. */
const char *call_python(VSFunction *function, const VSMap *in, VSMap *out, const VSAPI *vsapi);

/* Node(clips, plan, render, num_frames, fps_num, fps_den, template): see node.c. */
void VS_CC node_create(const VSMap *in, VSMap *out, void *user_data, VSCore *core, const VSAPI *vsapi);
