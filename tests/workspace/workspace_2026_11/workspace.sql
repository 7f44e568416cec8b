BEGIN TRANSACTION;
CREATE TABLE assets (
	kind VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	created_time FLOAT NOT NULL, 
	record JSON NOT NULL, 
	PRIMARY KEY (kind, name, version)
);
INSERT INTO "assets" VALUES('environment','scoring',1,1.79585172280006408695e+09,'{"name": "scoring", "version": null, "environmentVariables": {"A": "1"}, "python": {"userManagedDependencies": false, "interpreterPath": "python", "condaDependenciesFile": null, "baseCondaEnvironment": null, "condaDependencies": {"name": "project_environment", "dependencies": ["python=3.11", {"pip": ["six==1.16.0"]}], "channels": ["anaconda", "conda-forge"]}}, "docker": {"enabled": false, "baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04", "baseDockerfile": null, "buildContext": null, "sharedVolumes": true, "shmSize": "2g", "arguments": [], "baseImageRegistry": {"address": null, "username": null, "password": null}, "platform": {"os": "Linux", "architecture": "amd64"}, "extraDockerFileSteps": null, "enableGpu": false, "cudaVersion": null}, "spark": {"repositories": [], "packages": [], "precachePackages": true}, "databricks": {"mavenLibraries": [], "pypiLibraries": [], "rcranLibraries": [], "jarLibraries": [], "eggLibraries": []}, "inferencingStackVersion": null}');
INSERT INTO "assets" VALUES('environment label','scoring:stable',1,1.79585172280697035786e+09,'{"labelled": 1}');
INSERT INTO "assets" VALUES('profile','sizes',1,1.79585172312459969519e+09,'{"plan": {"name": "sizes", "cpus": [0.5], "memories_gb": [0.5], "goal": {"latency_ms": null, "percent": 99.0, "requests_per_second": null}, "prices": null, "seconds": 0.3, "concurrencies": [1, 2], "target": "local", "description": "measured once"}, "state": "Succeeded", "models": ["diabetes:1"], "created_time": 1795851723.1232018, "rows": 2, "sizes": [{"cpu": 0.5, "memory_gb": 0.5, "held_by": "control groups", "cold_start_s": 0.6090288319996944, "loads": [{"kind": "closed", "level": 1, "seconds": 0.30064159500034293, "requests": 1752, "successes": 1752, "requests_per_second": 5827.5369381206265, "rate_interval": [5365.334360886116, 6289.739515355137], "mean_ms": 0.16514740125450114, "percentiles_ms": {"50": 0.15011699997558026, "90": 0.1824629998736782, "95": 0.1968920000763319, "99": 0.2726009997786605, "99.9": 2.6825350000763137}, "intervals_ms": {"50": [0.14746099986950867, 0.15473600024051848], "90": [0.17010600004141452, 0.1980530000764702], "95": [0.18304000013813493, 0.2123760000358743], "99": [0.20274799999242532, 0.9273189998566522], "99.9": [0.33465900014562067, null]}, "histogram": [[0.12589254117941673, 2], [0.14125375446227545, 205], [0.15848931924611134, 952], [0.1778279410038923, 367], [0.19952623149688797, 149], [0.22387211385683395, 50], [0.251188643150958, 7], [0.28183829312644537, 4], [0.31622776601683794, 3], [0.35481338923357547, 4], [0.3981071705534972, 2], [0.44668359215096315, 0], [0.5011872336272722, 1], [0.5623413251903491, 0], [0.6309573444801932, 0], [0.7079457843841379, 1], [0.7943282347242815, 0], [0.8912509381337456, 0], [1.0, 1], [1.1220184543019633, 0], [1.2589254117941673, 1], [1.4125375446227544, 1], [1.5848931924611136, 0], [1.7782794100389228, 0], [1.9952623149688795, 0], [2.2387211385683394, 0], [2.51188643150958, 0], [2.8183829312644537, 1], [3.1622776601683795, 0], [3.548133892335755, 0], [3.9810717055349722, 0], [4.466835921509632, 0], [5.011872336272722, 0], [5.623413251903491, 0], [6.309573444801933, 0], [7.079457843841379, 1]], "client_cores": 0.4467643274705443}, {"kind": "closed", "level": 2, "seconds": 0.30141520199958904, "requests": 2009, "successes": 2009, "requests_per_second": 6665.2245363614375, "rate_interval": [6302.789211641401, 7027.6598610814735], "mean_ms": 0.2929468959721451, "percentiles_ms": {"50": 0.27791899992735125, "90": 0.34199799983980483, "95": 0.3766710001400497, "99": 0.4336739998507255, "99.9": 2.7456429997982923}, "intervals_ms": {"50": [0.27440300027592457, 0.28445299994928064], "90": [0.29151600028853863, 0.401083000269864], "95": [0.32793699983812985, 0.40450699998473283], "99": [0.3930070001842978, 0.865475999944465], "99.9": [0.43274700010442757, null]}, "histogram": [[0.1778279410038923, 4], [0.19952623149688797, 51], [0.22387211385683395, 85], [0.251188643150958, 101], [0.28183829312644537, 860], [0.31622776601683794, 620], [0.35481338923357547, 129], [0.3981071705534972, 105], [0.44668359215096315, 35], [0.5011872336272722, 5], [0.5623413251903491, 2], [0.6309573444801932, 2], [0.7079457843841379, 3], [0.7943282347242815, 0], [0.8912509381337456, 1], [1.0, 0], [1.1220184543019633, 2], [1.2589254117941673, 0], [1.4125375446227544, 0], [1.5848931924611136, 0], [1.7782794100389228, 0], [1.9952623149688795, 0], [2.2387211385683394, 0], [2.51188643150958, 0], [2.8183829312644537, 2], [3.1622776601683795, 0], [3.548133892335755, 0], [3.9810717055349722, 0], [4.466835921509632, 1], [5.011872336272722, 1]], "client_cores": 0.4671148836089295}, {"kind": "open", "level": 4000.0, "seconds": 0.30134899199993015, "requests": 1211, "successes": 1211, "requests_per_second": 4018.596484969429, "rate_interval": [3761.661500719059, 4275.531469219799], "mean_ms": 1.6721033736669948, "percentiles_ms": {"50": 1.1414840000725235, "90": 3.74865999992835, "95": 4.664274999868212, "99": 6.385373000284744, "99.9": 7.263132999923982}, "intervals_ms": {"50": [0.8084789997155895, 1.6592469996794534], "90": [2.4704339998606883, 5.169265999938943], "95": [2.249145999940083, 6.511755999781599], "99": [4.895081000086066, null], "99.9": [6.511755999781599, null]}, "histogram": [[0.19952623149688797, 8], [0.22387211385683395, 27], [0.251188643150958, 23], [0.28183829312644537, 10], [0.31622776601683794, 6], [0.35481338923357547, 18], [0.3981071705534972, 49], [0.44668359215096315, 31], [0.5011872336272722, 32], [0.5623413251903491, 51], [0.6309573444801932, 50], [0.7079457843841379, 54], [0.7943282347242815, 35], [0.8912509381337456, 84], [1.0, 45], [1.1220184543019633, 66], [1.2589254117941673, 67], [1.4125375446227544, 50], [1.5848931924611136, 58], [1.7782794100389228, 52], [1.9952623149688795, 43], [2.2387211385683394, 41], [2.51188643150958, 34], [2.8183829312644537, 44], [3.1622776601683795, 49], [3.548133892335755, 47], [3.9810717055349722, 34], [4.466835921509632, 35], [5.011872336272722, 17], [5.623413251903491, 13], [6.309573444801933, 25], [7.079457843841379, 10], [7.943282347242816, 3]], "client_cores": 0.5166702001114911}], "failures": [], "max_cores": 0.16904823314394432, "peak_memory_gb": 0.02634429931640625, "samples": [{"at": 0.101, "cores": 0.0, "memory_gb": 0.0147552490234375, "throttled": 0.0}, {"at": 0.202, "cores": 0.33809646628788864, "memory_gb": 0.0147552490234375, "throttled": 0.0}], "error": ""}], "recommendation": {"cpu": 0.3, "memory_gb": 0.1, "why": "what it used at the only size measured, and a quarter more", "meets_goal": true, "cost_per_1000": null}, "error": "", "environment": null, "dataset_id": null, "words": ""}');
INSERT INTO "assets" VALUES('compute target','cluster',1,1.79585172489659357069e+09,'{"type": "AKS", "resource_group": "group", "cluster_name": "context"}');
CREATE TABLE deliveries (
	subscription VARCHAR(64) NOT NULL, 
	event_id INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	since FLOAT NOT NULL, 
	next_time FLOAT NOT NULL, 
	status INTEGER, 
	words TEXT NOT NULL, 
	PRIMARY KEY (subscription, event_id)
);
INSERT INTO "deliveries" VALUES('hook',5,'waiting',1,1.79585172288527727124e+09,1.79585173355563640588e+09,NULL,'nothing accepts connections there, or it was cut off');
INSERT INTO "deliveries" VALUES('hook',9,'waiting',1,1.79585172298563051224e+09,1.79585173320620012284e+09,NULL,'nothing accepts connections there, or it was cut off');
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	time FLOAT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR(320) NOT NULL, 
	message TEXT NOT NULL, 
	data JSON NOT NULL
);
INSERT INTO "events" VALUES(1,1795851722.78836,'ModelRegistered','models/diabetes:1','registered diabetes:1','{"tags": {"area": "health"}, "properties": {"made": "2026"}}');
INSERT INTO "events" VALUES(2,1.79585172283218383795e+09,'DeployRequested','services/diabetes-svc','deploy of diabetes:1 requested','{}');
INSERT INTO "events" VALUES(3,1.79585172286352467542e+09,'Launched','services/diabetes-svc','launched revision 1','{"notes": ["faking diabetes-svc"]}');
INSERT INTO "events" VALUES(4,1.79585172288064765931e+09,'StateChanged','services/diabetes-svc','Healthy: revision 1 answers at http://127.0.0.1:44575','{}');
INSERT INTO "events" VALUES(5,1.79585172288390731813e+09,'ModelDeployed','endpoints/5fbcf1a36beb453680b4db4d59c02743','diabetes-svc serves diabetes:1','{"revision": 1, "told": {"ServiceName": "diabetes-svc", "ServiceComputeType": "fake", "ModelIds": "diabetes:1", "ServiceTags": {"a": "b"}, "ServiceProperties": {"p": "q"}}}');
INSERT INTO "events" VALUES(6,1.79585172294670319557e+09,'UpdateRequested','services/diabetes-svc','update to revision 2 with diabetes:1 requested','{}');
INSERT INTO "events" VALUES(7,1.79585172297056865691e+09,'Launched','services/diabetes-svc','launched revision 2','{"notes": ["faking diabetes-svc"]}');
INSERT INTO "events" VALUES(8,1.79585172298287200926e+09,'StateChanged','services/diabetes-svc','Transitioning: revision 2 answers at http://127.0.0.1:44575','{}');
INSERT INTO "events" VALUES(9,1.7958517229845194817e+09,'ModelDeployed','endpoints/5fbcf1a36beb453680b4db4d59c02743','diabetes-svc serves diabetes:1','{"revision": 2, "told": {"ServiceName": "diabetes-svc", "ServiceComputeType": "fake", "ModelIds": "diabetes:1", "ServiceTags": {"a": "b"}, "ServiceProperties": {"p": "q"}}}');
INSERT INTO "events" VALUES(10,1.79585172302865195273e+09,'StateChanged','services/diabetes-svc','Healthy: answers at http://127.0.0.1:44575','{}');
CREATE TABLE file_references (
	digest VARCHAR(64) NOT NULL, 
	holder VARCHAR(320) NOT NULL, 
	PRIMARY KEY (digest, holder)
);
INSERT INTO "file_references" VALUES('e4814662864782ade05b698cac649795cb661034a600b3d8b54b09b6ba1500fe','models/diabetes:1');
INSERT INTO "file_references" VALUES('ceae2c7376ed97e0fa6eb059e42404ebb628daa1ef7d6ced15100842a0537099','services/5fbcf1a36beb453680b4db4d59c02743/r2');
CREATE TABLE followed_versions (
	service_id VARCHAR(32) NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	revision INTEGER, 
	words TEXT NOT NULL, 
	PRIMARY KEY (service_id, model, version)
);
CREATE TABLE follows (
	service_id VARCHAR(32) NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	tag TEXT, 
	PRIMARY KEY (service_id, model)
);
INSERT INTO "follows" VALUES('5fbcf1a36beb453680b4db4d59c02743','diabetes','stage=prod');
CREATE TABLE migrations (
	name VARCHAR(64) NOT NULL, 
	applied FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "migrations" VALUES('m001_first_tables',1.79585172275614023207e+09);
INSERT INTO "migrations" VALUES('m002_service_keys',1.79585172275715112687e+09);
INSERT INTO "migrations" VALUES('m003_service_machine',1.79585172275797152518e+09);
INSERT INTO "migrations" VALUES('m003_workspace_id',1.79585172275983953474e+09);
INSERT INTO "migrations" VALUES('m004_event_subscriptions',1.79585172276054263118e+09);
INSERT INTO "migrations" VALUES('m005_assets',1.7958517227608158588e+09);
CREATE TABLE model_names (
	name VARCHAR(255) NOT NULL, 
	last_version INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "model_names" VALUES('diabetes',1);
CREATE TABLE models (
	name VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	created_time FLOAT NOT NULL, 
	details JSON NOT NULL, 
	files JSON NOT NULL, 
	PRIMARY KEY (name, version)
);
INSERT INTO "models" VALUES('diabetes',1,1.79585172278637218473e+09,'{"name": "diabetes", "tags": {"area": "health"}, "properties": {"made": "2026"}, "description": "an old model", "framework": "Custom", "framework_version": "1", "sample_input": [[1, 2]], "sample_output": [3], "resource_configuration": {"cpu": 1, "memory_in_gb": 0.5, "gpu": null}, "libraries": {}, "modules": [], "python_version": "", "run_id": "", "experiment_name": "", "datasets": [["train", "rows:1"]]}','[{"path": "model.txt", "digest": "e4814662864782ade05b698cac649795cb661034a600b3d8b54b09b6ba1500fe", "size": 24}]');
CREATE TABLE revisions (
	service_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	models JSON NOT NULL, 
	inference JSON NOT NULL, 
	files JSON NOT NULL, 
	config JSON NOT NULL, 
	python TEXT NOT NULL, 
	PRIMARY KEY (service_id, number)
);
INSERT INTO "revisions" VALUES('5fbcf1a36beb453680b4db4d59c02743',2,'["diabetes:1"]','{"entry_script": "score.py", "script_text": null, "source_directory": null, "assets": {}, "texts": {}, "requirements": ["six==1.16.0"], "modules": ["json"], "environment": null, "taken_from": null, "captured_as": null, "no_code": false, "description": ""}','[{"path": "score.py", "digest": "ceae2c7376ed97e0fa6eb059e42404ebb628daa1ef7d6ced15100842a0537099", "size": 80}]','{"target": "fake", "cpu": 1.0, "memory_gb": 0.5, "port": null, "scoring_timeout_ms": 60000, "replica_max_concurrent_requests": null, "max_request_wait_time": 500, "batch": false, "auth_enabled": true, "token_auth_enabled": false, "primary_key": null, "secondary_key": null, "ssl_cert_pem_file": null, "ssl_key_pem_file": null, "cors_origins": "", "compute_type": "", "compute_settings": {}, "recorded_requests": 0, "live": false, "environment_variables": {"GREETING": "hello"}, "tags": {"a": "b"}, "properties": {"p": "q"}, "description": "an old service"}','/usr/bin/python3');
CREATE TABLE service_keys (
	service_id VARCHAR(32) NOT NULL, 
	"primary" TEXT NOT NULL, 
	secondary TEXT NOT NULL, 
	token_secret TEXT NOT NULL, 
	PRIMARY KEY (service_id)
);
INSERT INTO "service_keys" VALUES('5fbcf1a36beb453680b4db4d59c02743','first-key-0123456789','second-key-0123456789','0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE services (
	name VARCHAR(32) NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	target VARCHAR(64) NOT NULL, 
	desired VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	last_revision INTEGER NOT NULL, 
	created_time FLOAT NOT NULL, 
	updated_time FLOAT NOT NULL, 
	serving INTEGER, 
	handle JSON, 
	candidate INTEGER, 
	candidate_handle JSON, 
	retiring JSON NOT NULL, 
	url TEXT, 
	words TEXT NOT NULL, 
	error JSON, 
	restarts INTEGER NOT NULL, 
	models JSON NOT NULL, 
	tags JSON NOT NULL, 
	properties JSON NOT NULL, 
	description TEXT NOT NULL, 
	stats JSON NOT NULL, 
	lease_holder TEXT, 
	lease_until FLOAT NOT NULL, 
	machine VARCHAR(255), 
	PRIMARY KEY (name), 
	UNIQUE (id)
);
INSERT INTO "services" VALUES('diabetes-svc','5fbcf1a36beb453680b4db4d59c02743','fake','running','Healthy',2,2,1.79585172282545876506e+09,1.79585172302732014653e+09,2,'{"key": 2}',NULL,NULL,'[]','http://127.0.0.1:44575','',NULL,0,'["diabetes:1"]','{"a": "b"}','{"p": "q"}','an old service','{"requests": 3, "requests_per_second": 0.0, "replicas": 1.0}',NULL,1.79585172572007322313e+09,NULL);
CREATE TABLE subscriptions (
	name VARCHAR(64) NOT NULL, 
	endpoint TEXT NOT NULL, 
	schema VARCHAR(16) NOT NULL, 
	filter JSON NOT NULL, 
	secret TEXT, 
	created_time FLOAT NOT NULL, 
	lease_holder TEXT, 
	lease_until FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "subscriptions" VALUES('hook','http://127.0.0.1:9/never','eventgrid','{"includedEventTypes": [], "subjectBeginsWith": "", "subjectEndsWith": "", "advancedFilters": []}','only-for-tests',1.79585172280771303179e+09,NULL,0.0);
CREATE TABLE workspace (
	id VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "workspace" VALUES('7786bc667b354196bd5945ecc8e0bb0b');
CREATE INDEX ix_deliveries_state ON deliveries (state);
CREATE INDEX ix_events_subject ON events (subject);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',10);
COMMIT;
