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

  it "says that there is no such setting, and which is near, without the secrets that it has" do
    configuration.secret_key = "sooper-secret-" * 3
    configuration.store = "sqlite:x.sqlite3"

    expect { configuration.stoer = 1 }.to raise_error(Workflow::DefinitionError, /\Athere is no setting stoer\. Did you mean store\? There are file, filter_parameters, health, /)
    expect { configuration.thraeds }.to raise_error(Workflow::DefinitionError, /\Athere is no setting thraeds\. Did you mean threads\?/) { |error| expect(error.message).not_to include "sooper" }
    expect { configuration.zzz(1) { } }.to raise_error(Workflow::DefinitionError, /\Athere is no setting zzz\. There are /)
    expect(configuration.inspect).to eq %(#<Workflow::Configuration store="sqlite:x.sqlite3" threads=5 lease=15 environment="#{configuration.environment}">)
    expect(configuration).not_to respond_to(:stoer=)
    expect([ [ configuration ] ].flatten).to eq [ configuration ]
  end

  it "has live pages' settings, and refuses bad ones" do
    expect(configuration).to have_attributes(live_path: "/workflow/live", live_script: true, stream_expires_in: 86_400, streams_per_connection: 100, viewer: nil)
    [ "live", "/live.js", 1 ].each { |path| expect { configuration.live_path = path }.to raise_error(Workflow::DefinitionError, /live_path must be a path such as "\/workflow\/live"/) }
    expect { configuration.live_script = "no" }.to raise_error(Workflow::DefinitionError, /true or false/)
    [ 0, "1", nil, 10**9 ].each { |value| expect { configuration.stream_expires_in = value }.to raise_error(Workflow::DefinitionError, /stream_expires_in must be seconds/) }
    [ 0, 1.5, "9" ].each { |value| expect { configuration.streams_per_connection = value }.to raise_error(Workflow::DefinitionError, /streams_per_connection must be a number/) }
    expect { configuration.viewer = :current_user }.to raise_error(Workflow::DefinitionError, /viewer must be a proc/)
    configuration.live_path = nil
    configuration.stream_expires_in = 90.5
    expect(configuration).to have_attributes(live_path: nil, stream_expires_in: 91)
  end

  it "keeps what it read when the file has become wrong" do
    configuration.file = "#{@directory}/workflow.yml"
    before = configuration.places
    File.write(configuration.file, "a: [")

    expect { configuration.reload }.to raise_error(Workflow::DefinitionError, /not YAML/)
    expect(configuration.places).to equal before
  end
end
