"""DACNN (Wu et al.): depth-aware convolution, and a student that learns from a stereo teacher."""

MODELS = {
    "dacnn": "network:DACNN",
    "dacnn_teacher": "network:DACNNTeacher",
    "dacnn_true_guidance": "true_guidance:DACNNTrueGuidance",
}
