# frozen_string_literal: true

# rake compile:faults builds the core once more, into tmp/faults, with points at which a process can be told to kill itself
# (ext/workflow/core/fault.h). spec/processes/fault_points_spec.rb has it made, and puts tmp/faults/lib first on the load path of
# its children; nothing else loads it.
namespace("compile") do
  desc "The core with fault points, for the specs only"
  task("faults") do
    build, library = "tmp/faults/build", "workflow.#{RbConfig::CONFIG["DLEXT"]}"
    mkdir_p [ build, "tmp/faults/lib/workflow" ], verbose: false
    extconf = File.expand_path("ext/workflow/extconf.rb")
    # The Makefile lists the C files: where one came or went, its directory is newer.
    chdir(build, verbose: false) { ruby(extconf, verbose: false) } unless uptodate?("#{build}/Makefile", [ "ext/workflow", "ext/workflow/core", extconf ])
    sh("make", "-C", build, "-j2", "DEFS=-DWF_FAULT_POINTS", out: File::NULL, verbose: false)
    loaded = "tmp/faults/lib/workflow/#{library}"
    install("#{build}/#{library}", loaded, verbose: false) unless uptodate?(loaded, [ "#{build}/#{library}" ])
  end
end
