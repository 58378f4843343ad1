# ttc on a CPU:  docker build -t ttc . && docker run --rm -v ttc:/models ttc solve "What is 17 * 23?"
# llama-cpp-python is built in the first stage, once; the second has no compiler. Models are kept in the volume.
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ cmake ninja-build && rm -rf /var/lib/apt/lists/*
# for any x86-64 with AVX2, and not only for the machine that builds it
ARG CMAKE_ARGS="-DGGML_NATIVE=OFF"
ENV CMAKE_ARGS=${CMAKE_ARGS}
RUN python -m venv /ttc && /ttc/bin/pip install --no-cache-dir "llama-cpp-python>=0.3.36,<0.4"
COPY . /source
RUN /ttc/bin/pip install --no-cache-dir /source

FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home ttc && mkdir /models && chown ttc /models
COPY --from=build /ttc /ttc
ENV PATH=/ttc/bin:$PATH TTC_HOME=/models
USER ttc
WORKDIR /home/ttc
VOLUME /models
ENTRYPOINT ["ttc"]
CMD ["--help"]
