# docs
dist_man_MANS += docs/man/ims.conf.5 docs/man/imsctl.1 docs/man/imsd.8
