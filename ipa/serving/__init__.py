"""The live data plane: model servers, gateway and load generator, all of the Open Inference Protocol (V2)."""
