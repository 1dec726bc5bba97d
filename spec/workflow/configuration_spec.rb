# frozen_string_literal: true

RSpec.describe Workflow::Configuration do
  subject(:configuration) { described_class.new }

  it "has defaults" do
    expect(configuration).to have_attributes(store: "sqlite:workflow.sqlite3", threads: 5, lease: 15, transport: :native, logger: nil)
  end

  it "finds the store from the root" do
    configuration.adopt(root: "/app", environment: "production", wrapper: nil, store: "sqlite:storage/production_workflow.sqlite3")

    expect(configuration.path).to eq "/app/storage/production_workflow.sqlite3"
  end

  it "keeps what was set when it takes an application's defaults" do
    configuration.store = "sqlite:/data/x.sqlite3"
    configuration.adopt(root: "/app", environment: "production", wrapper: nil, store: "sqlite:other.sqlite3")

    expect(configuration.path).to eq "/data/x.sqlite3"
  end

  it "refuses bad values" do
    expect { configuration.threads = 0 }.to raise_error(Workflow::DefinitionError, /threads must be a number from 1 to 512, not 0/)
    expect { configuration.threads = "5" }.to raise_error(Workflow::DefinitionError)
    [ "link", "/link?x=1", "/link/", "//link", :link, "" ].each do |path|
      expect { configuration.link_path = path }.to raise_error(Workflow::DefinitionError, /link_path must be a path such as "\/workflow\/link", or nil, not /)
    end
    expect { configuration.lease = 0.1 }.to raise_error(Workflow::DefinitionError, /lease must be seconds/)
    expect { configuration.transport = :active_job }.to raise_error(Workflow::DefinitionError, /not built yet/)
    expect { configuration.store = "postgres://localhost/x" }.to raise_error(Workflow::StoreError, /not built yet/)
    expect { configuration.store = "redis://localhost/1" }.to raise_error(Workflow::StoreError, 'There is no store redis: ("redis://localhost/1"). Use "sqlite:PATH".')
    expect { configuration.store = "SQLite:x" }.to raise_error(Workflow::StoreError, /no store SQLite:/)
    expect { configuration.store = "" }.to raise_error(Workflow::StoreError, /address/)
  end

  it "keeps what it read when the file has become wrong" do
    configuration.file = "#{@directory}/workflow.yml"
    before = configuration.places
    File.write(configuration.file, "a: [")

    expect { configuration.reload }.to raise_error(Workflow::DefinitionError, /not YAML/)
    expect(configuration.places).to equal before
  end
end
