# ims
