# frozen_string_literal: true

RSpec.describe Workflow::Store do
  def open(path)
    Workflow.configure { |c| c.store = "sqlite:#{path}" }
    Workflow.engine
  end

  it "says what keeps a store from being opened" do
    File.write("#{@directory}/text", "not a database, but long enough for a header of one" * 50)
    Dir.mkdir("#{@directory}/folder")

    expect { open("#{@directory}/none/log.sqlite3") }.to raise_error(Workflow::StoreError, %r{none/log.sqlite3})
    expect { open("#{@directory}/text") }.to raise_error(Workflow::StoreError, %r{/text})
    expect { open("#{@directory}/folder") }.to raise_error(Workflow::StoreError, %r{/folder})
  end

  it "refuses a database that the application has open", :records do
    expect { open(Records.database) }.to raise_error(Workflow::StoreError, /application.sqlite3 is a database of the application.*file of its own/)
    FileUtils.touch(Records.database)
    File.symlink(Records.database, "#{@directory}/link")
    expect { open("#{@directory}/link") }.to raise_error(Workflow::StoreError, /is a database of the application/)
  end

  it "says how to compile the core when it is not there" do
    script = 'require "workflow"; class A; include Workflow; workflow { now :b }; def b; end; end; begin; A.start; rescue => e; puts e.class, e.message; end'
    Dir.mktmpdir do |directory|
      FileUtils.cp_r("lib", directory)
      FileUtils.rm_f(Dir["#{directory}/lib/workflow/workflow.{so,bundle}"])
      without_bundler = { "RUBYLIB" => nil, "RUBYOPT" => nil, "BUNDLER_SETUP" => nil }
      output = IO.popen([ without_bundler, RbConfig.ruby, "-I#{directory}/lib", "-e", script ], chdir: directory, &:read)

      expect(output).to match(/Workflow::StoreError\nThe core of workflow is not compiled .*run bin\/setup in the gem's folder/)
    end
  end

  it "names the cure when SQLite cannot load extensions" do
    described_class.load_core
    allow(SQLite3::Database).to receive(:new).and_wrap_original do |original, *arguments|
      original.call(*arguments).tap { |database| database.singleton_class.undef_method(:enable_load_extension) }
    end

    expect { described_class.__send__(:sqlite_api) }.to raise_error(Workflow::StoreError, /cannot load extensions.*precompiled sqlite3 gem/)
  end
end
