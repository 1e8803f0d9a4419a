import vapoursynth as vs
def create(**args):
    if "fps_num" in args: return {"error":"RIFE: nope "+repr(args)}
    clip=args["clip"]
    def plan(n): return {"frames":[n//2] if n%2==0 else [n//2,min(n//2+1,clip.num_frames-1)]}
    nf=clip.num_frames
    del args
    def plan(n): return {"frames":[n//2] if n%2==0 else [n//2,min(n//2+1,nf-1)]}
    def render(n, frames, planes=None, strides=None):
        return {"take":0, "x":n} if not isinstance(frames,list) else {"take":1, "x":str((planes,strides))}
    node=vs.core.rife.Node(clip=clip,plan=plan,render=render,num_frames=nf*2,fps_num=3,fps_den=1)
    del clip
    return {"clip":node}
def enter():
    vs.core.rife.Bridge(func=create)
